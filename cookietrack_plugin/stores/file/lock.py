"""One process at a time: a lock on a file beside the store's, which says who holds it."""

import errno
import os
import stat
from contextlib import suppress
from logging import getLogger
from time import monotonic, sleep

from cookietrack_plugin.errors import StoreLocked, StoreUnavailable
from cookietrack_plugin.stores.file import flock
from cookietrack_plugin.stores.file.place import is_same

_log = getLogger(__name__)
# Seconds to wait for the lock of a process that is dead, and between two looks at it.
_PATIENCE_S = 10.0
_PAUSE_S = 0.005
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
# The states of a process in `/proc/<pid>/stat` that has ended.
_ENDED = {"Z", "X"}


class FileLock:
    """
    Held from construction until `release`, or until the process ends. The file stays, and means
    nothing without a process that holds the lock.

    :param path: of the lock file.
    :param name: what is locked, for the message.
    :raises StoreLocked: another has it; with that one's process id.
    :raises StoreUnavailable: what is there is no file of ours.
    :raises OSError: the file cannot be made, or not be locked.
    """

    def __init__(self, path: str, name: str) -> None:
        self.path = path
        self._name = name
        self._fd = _lock(path, name, _PATIENCE_S)
        self._sign()

    def fileno(self) -> int:
        """A process that inherits it holds the lock, too."""
        return self._fd

    def ensure(self, patience: float) -> None:
        """
        Take the lock again where its file was removed or replaced.

        :param patience: seconds to wait for processes that only look whether it is free.
        :raises StoreLocked: another process has what is there now.
        :raises StoreUnavailable, OSError: as when the lock is made.
        """
        if is_same(self.path, self._fd):
            return
        fd = _lock(self.path, self._name, patience)
        old, self._fd = self._fd, fd
        flock.close(old)
        self._sign()
        _log.warning("%s was removed or replaced: the lock is taken again", self.path)

    def release(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            flock.close(fd)

    def _sign(self) -> None:
        # On a full disk the lock is as good without it.
        with suppress(OSError):
            size = os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
            os.ftruncate(self._fd, size)


def check_free(path: str, name: str) -> None:
    """
    Check that nobody holds the lock, without holding it.

    :raises StoreLocked: another has it.
    :raises OSError: there is no such file, or it cannot be read.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not flock.is_free(fd):
            raise StoreLocked(f"{name} is in use by {_holder(fd)}")
    finally:
        flock.close(fd)


def _lock(path: str, name: str, patience: float) -> int:
    """A descriptor of the file that is at `path` now, locked."""
    until = monotonic() + patience
    while True:
        fd = _open(path)
        try:
            _wait(fd, name, until)
            if os.fstat(fd).st_nlink > 1:
                # It may be anything by its other name, which is not ours to write to.
                os.unlink(path)
            # Another process may have removed it in between, and lock a new one.
            if is_same(path, fd):
                return fd
        except BaseException:
            os.close(fd)
            raise
        flock.close(fd)


def _open(path: str) -> int:
    try:
        fd = os.open(path, _FLAGS, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
        raise _foreign(path) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _foreign(path)
    return fd


def _foreign(path: str) -> StoreUnavailable:
    return StoreUnavailable(
        f"the lock file {path}: expected a regular file, found a link or something else: remove it"
    )


def _wait(fd: int, name: str, until: float) -> None:
    while not flock.take(fd):
        # Readers hold it for a moment. The writer process of a worker that was killed holds it
        # until its last batch is stored.
        may_end = flock.is_free(fd) or not _holder_lives(fd)
        if not may_end or monotonic() > until:
            raise StoreLocked(f"{name} is in use by {_holder(fd)}")
        sleep(_PAUSE_S)


def _holder_lives(fd: int) -> bool:
    try:
        pid = int(_holder_pid(fd))
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except (ValueError, PermissionError):
        # It has not said yet who it is, or is somebody else's.
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Whether it has ended and its parent has not reaped it; False where that is not known."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            # Its name comes first, in parentheses.
            return file.read().rpartition(")")[2].split()[0] in _ENDED
    except OSError:
        return False


def _holder_pid(fd: int) -> str:
    return os.pread(fd, 20, 0).decode("ascii", "replace").strip()


def _holder(fd: int) -> str:
    pid = _holder_pid(fd)
    if pid == str(os.getpid()):
        return f"this process (pid {pid})"
    return f"the process with pid {pid}" if pid else "another process"
