"""What would stall a worker's reactor now and then, with stores of any type."""

import fcntl
import gc
import os
import resource
from contextlib import suppress
from functools import cache

# For how many descriptors there is room from the start: 512 KiB of the kernel's memory.
DESCRIPTORS = 65_536


def freeze() -> None:
    """
    All that the worker has loaded by now stays: once the collector has to walk through it no more,
    a full collection no longer keeps the reactor waiting for 25 ms, and the first one for 150. Each
    store brings a driver, which is another 10 ms: so this is called for every store.
    """
    gc.freeze()


@cache
def widen() -> None:
    """
    Room for descriptors, once. On any thread but the reactor's: it can take 25 ms.

    Linux doubles the table when it is full, at 64, 128, 256 and so on. In a process with threads
    the `accept` that needs the room sleeps while that is done (`expand_fdtable`, for
    `synchronize_rcu`), and the reactor with it, just when clients pile up before a store that is
    away.
    """
    with suppress(OSError):
        source = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # The table reaches up to the highest number that there was, and does not shrink.
            os.close(fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, _highest()))
        finally:
            os.close(source)


def _highest() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (DESCRIPTORS if limit == resource.RLIM_INFINITY else min(DESCRIPTORS, limit)) - 1
