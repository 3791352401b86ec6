"""Prevents two stalls of a worker's reactor that come now and then, with stores of any type."""

import fcntl
import gc
import os
import resource
from contextlib import suppress
from functools import cache

# Descriptors that the table has room for from the start: 512 KiB of the kernel's memory.
DESCRIPTORS = 65_536


def freeze() -> None:
    """
    Take all objects that exist now out of the garbage collector's sight (`gc.freeze`). A full
    collection then no longer stops the reactor for 25 ms, nor the first one for 150 ms. Called for
    every store, as its driver adds another 10 ms.
    """
    gc.freeze()


@cache
def widen() -> None:
    """
    Make the process's table of file descriptors large, once. On any thread but the reactor's: it
    can take 25 ms.

    Linux doubles the table when it is full, at 64, 128, 256 and so on. In a process with threads
    the `accept` that needs the room sleeps until that is done (`expand_fdtable`, for
    `synchronize_rcu`), and the reactor with it, just when clients pile up before a store that is
    away.
    """
    with suppress(OSError):
        source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # The table has room for the highest number that was ever used, and does not shrink.
            os.close(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _highest()))
        finally:
            os.close(source)


def _highest() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (DESCRIPTORS if limit == resource.RLIM_INFINITY else min(DESCRIPTORS, limit)) - 1
