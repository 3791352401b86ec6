"""A file that only grows: what was appended is on disk, or it is not in the file."""

import errno
import os
from contextlib import suppress
from time import monotonic, sleep

from cookietrack_plugin.errors import StoreLocked
from cookietrack_plugin.stores.file import flock
from cookietrack_plugin.stores.file.fallocate import keep_blocks
from cookietrack_plugin.stores.file.place import check_unaltered, is_same
from cookietrack_plugin.stores.kit.files import flush_directory

# Bytes that are written to a new file before they are flushed: one flush of all would delay the
# commits that go on beside it.
_STRIDE = 4_000_000
# Seconds to wait for the writer process of a worker that was killed to finish its last batch, and
# between two looks.
_PATIENCE_S = 1.0
_PAUSE_S = 0.005


class AppendFile:
    """
    An open file, mode 0600. `size`: the length of the part that is complete.

    The file itself is locked, so no second process writes to it even if its lock file is gone.

    `is_trusted`: False once a flush, or taking back a partial write, has failed, or another program
    has altered the file. What is on disk is then unknown, and a retry shows nothing: after a failed
    fsync the kernel may drop the data and report success for the next one (fsync(2)). Only a new
    file helps. `can_allocate`: False once the file system has proved unable to.
    """

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._stat = os.fstat(fd)
        self._flushed = self.size = self._stat.st_size
        # How far it has blocks, if more than it is long.
        self._allocated = 0
        self.can_allocate = True
        self.is_trusted = True

    @classmethod
    def open(cls, path: str) -> "AppendFile":
        """
        The file that is there, as it is: see `settle`.

        :raises StoreLocked: another process writes to it.
        """
        until = monotonic() + _PATIENCE_S
        while True:
            fd = os.open(path, os.O_RDWR | os.O_APPEND)
            # Another process may have put a new one into its place in between.
            if flock.take(fd) and is_same(path, fd):
                return cls(path, fd)
            flock.close(fd)
            if monotonic() > until:
                raise StoreLocked(f"{path} is in use by another process, without its lock file")
            sleep(_PAUSE_S)

    @classmethod
    def create(cls, path: str, owner: os.stat_result | None, head: bytes) -> "AppendFile":
        """A new file that begins with `head`, with the `owner` of another if possible."""
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        flock.take(fd)
        file = cls(path, fd)
        try:
            if owner is not None:
                with suppress(PermissionError):
                    os.fchown(fd, owner.st_uid, owner.st_gid)
            file.append(head)
        except BaseException:
            file.close()
            os.unlink(path)
            raise
        return file

    @property
    def has_other_names(self) -> bool:
        """Whether the file had more than one name when it was opened."""
        return self._stat.st_nlink > 1

    @property
    def room(self) -> int:
        """How many bytes are allocated behind its end."""
        return max(0, self._allocated - self.size)

    def allocate(self, count: int) -> None:
        """
        Allocate room for `count` bytes behind its end.

        :raises OSError: there is none.
        """
        if self.room >= count or not self.can_allocate:
            return
        try:
            keep_blocks(self._fd, self.size, count)
        except OSError as error:
            self.can_allocate = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise
        self._allocated = self.size + count

    def give_back(self) -> None:
        """Free the blocks behind its end."""
        os.ftruncate(self._fd, self.size)
        self._allocated = 0

    def settle(self, surplus: int) -> None:
        """
        Make it private, cut off the last `surplus` bytes, and flush it: a process that was killed
        may have written what it did not flush, and what is read of that now must survive a power
        cut.
        """
        os.fchmod(self._fd, 0o600)
        if surplus:
            # Only then: it frees what is reserved behind the end, too.
            os.ftruncate(self._fd, self.size - surplus)
        os.fsync(self._fd)
        flush_directory(os.path.dirname(self._path))
        self._flushed = self.size = self.size - surplus

    def append(self, data: bytes) -> None:
        """Write `data`, all of it or nothing; durable with the next `flush`."""
        try:
            _write(self._fd, data)
        except BaseException:
            self._cut()
            raise
        self.size += len(data)
        if self.size - self._flushed > _STRIDE:
            self.flush()

    def flush(self) -> None:
        """Wait until everything appended is on disk."""
        try:
            os.fdatasync(self._fd)
        except OSError:
            self.is_trusted = False
            raise
        self._flushed = self.size

    def check(self, name: str) -> None:
        """
        Check that the file is still the one at `name`, and as it was left.

        :raises OSError: ESTALE where it is not; it is no longer trusted then.
        """
        try:
            check_unaltered(name, self._stat, self.size)
        except OSError:
            self.is_trusted = False
            raise

    def forget_room(self) -> None:
        """Another process may have freed the blocks behind its end."""
        self._allocated = 0

    def appended(self, count: int) -> None:
        """The child process has appended that many bytes, and flushed them."""
        self.size += count
        self._flushed = self.size

    def tail(self, count: int) -> bytes:
        """The last `count` bytes, or all."""
        return os.pread(self._fd, count, max(0, self.size - count))

    def fileno(self) -> int:
        return self._fd

    def move(self, path: str) -> None:
        """Replace the file at `path`, atomically and durably."""
        os.rename(self._path, path)
        self._path = path
        try:
            flush_directory(os.path.dirname(path))
        except OSError:
            # After a power cut the old file might be back, without what is appended from now on.
            self.is_trusted = False

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            flock.close(fd)

    def _cut(self) -> None:
        """Take back a partial write; without one do nothing, as it frees the reserve, too."""
        try:
            if os.fstat(self._fd).st_size != self.size:
                self.give_back()
        except OSError:
            self.is_trusted = False


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]
