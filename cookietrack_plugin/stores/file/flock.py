"""Locks on open files (flock(2)): the kernel releases them with the last descriptor."""

import fcntl
import os
from contextlib import suppress


def take(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Whether the file is locked now, for this descriptor and its copies. Waits for nothing."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(fd: int) -> bool:
    """Whether nobody has locked it. For a moment, looking keeps others from locking it."""
    if not take(fd, fcntl.LOCK_SH):
        return False
    fcntl.flock(fd, fcntl.LOCK_UN)
    return True


def close(fd: int) -> None:
    """Unlock the file and close it: a process that was forked from this one may have a copy."""
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)
