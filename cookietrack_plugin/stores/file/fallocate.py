"""fallocate(2), which Python has only in the form that alters a file's size."""

import ctypes
import errno
import os

_KEEP_SIZE = 1


def keep_blocks(fd: int, start: int, count: int) -> None:
    """
    Give the file blocks for `count` bytes from `start` on, even if it ends before them.

    :raises OSError: ENOSPC, EDQUOT; EOPNOTSUPP where the system or the file system cannot do it.
    """
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate", None)
    if function is None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
    numbers = ctypes.c_int(fd), ctypes.c_int(_KEEP_SIZE), ctypes.c_long(start), ctypes.c_long(count)
    while function(*numbers) != 0:
        if (code := ctypes.get_errno()) != errno.EINTR:
            raise OSError(code, os.strerror(code))
