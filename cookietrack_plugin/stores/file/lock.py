"""One process at a time: a lock on a file beside the store's, which says who holds it."""

import fcntl
import os
from contextlib import suppress
from time import monotonic, sleep

from cookietrack_plugin.errors import StoreLocked

# Seconds for which the lock of a process that is dead is waited for, and between two looks at it.
_PATIENCE = 10.0
_PAUSE = 0.005


class FileLock:
    """
    Held from its making until `release`, or until the process ends. The file stays: without a
    process that holds it, it means nothing.

    :param path: of the lock file.
    :param name: what is locked, for the message.
    :raises StoreLocked: another has it; with that one's process id.
    :raises OSError: the file cannot be made, or not be locked.
    """

    def __init__(self, path: str, name: str) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock(name)
        except BaseException:
            self.release()
            raise

    def fileno(self) -> int:
        """A process that has a copy of it has the lock, too."""
        return self._fd

    def release(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            # Before it is closed: a process that was forked from this one may have a copy of it.
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)

    def _lock(self, name: str) -> None:
        patience = monotonic() + _PATIENCE
        while not self._try():
            # The process that writes for one that was killed is at its last batch.
            if self._holder_lives() or monotonic() > patience:
                raise StoreLocked(f"{name} is in use by {self._holder()}")
            sleep(_PAUSE)
        # On a full disk the lock is as good without it.
        with suppress(OSError):
            size = os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
            os.ftruncate(self._fd, size)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _holder_lives(self) -> bool:
        try:
            os.kill(int(self._holder_pid()), 0)
        except (ProcessLookupError, OverflowError):
            return False
        except (ValueError, PermissionError):
            # It has not said yet who it is, or is somebody else's.
            return True
        return True

    def _holder_pid(self) -> str:
        return os.pread(self._fd, 20, 0).decode("ascii", "replace").strip()

    def _holder(self) -> str:
        pid = self._holder_pid()
        if pid == str(os.getpid()):
            return f"this process (pid {pid})"
        return f"the process with pid {pid}" if pid else "another process"
