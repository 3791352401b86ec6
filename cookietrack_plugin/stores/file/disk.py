"""A file that only grows: what was appended is on disk, or it is not in the file."""

import os
from contextlib import suppress

# Bytes that are written to a new file before they are flushed: all at once, they would hold up the
# commits that go on beside it.
_STRIDE = 4_000_000


class AppendFile:
    """
    An open file, mode 0600. `size` is how far it is whole.

    `is_trusted`: False once a flush, or taking back a partial write, has failed. What is on disk is
    then unknown, and trying again shows nothing: after a failed flush the kernel may call the next
    one a success and have dropped the data. Only a new file helps.
    """

    def __init__(self, path: str, fd: int) -> None:
        self._path = path
        self._fd = fd
        self._flushed = self.size = os.fstat(fd).st_size
        self.is_trusted = True

    @classmethod
    def open(cls, path: str, surplus: int) -> "AppendFile":
        """
        The file that is there, its owner's alone, and without the last `surplus` bytes.

        It is flushed: a process that was killed may have written what it could not flush any more,
        and what is read of that now must not be gone after a power cut.
        """
        fd = os.open(path, os.O_RDWR | os.O_APPEND)
        try:
            os.fchmod(fd, 0o600)
            os.ftruncate(fd, os.fstat(fd).st_size - surplus)
            os.fsync(fd)
            _flush_directory(path)
        except BaseException:
            os.close(fd)
            raise
        return cls(path, fd)

    @classmethod
    def create(cls, path: str, owner: os.stat_result | None, head: bytes) -> "AppendFile":
        """A new file that begins with `head`, with the `owner` of another if possible."""
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
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

    def appended(self, count: int) -> None:
        """Somebody else has appended that many bytes, and flushed them."""
        self.size += count
        self._flushed = self.size

    def fileno(self) -> int:
        return self._fd

    def move(self, path: str) -> None:
        """Take the place of the file at `path`, at one moment and durably."""
        os.rename(self._path, path)
        self._path = path
        try:
            _flush_directory(path)
        except OSError:
            # After a power cut the old file might be back, without what is going to be appended.
            self.is_trusted = False

    def close(self) -> None:
        """Idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _cut(self) -> None:
        try:
            os.ftruncate(self._fd, self.size)
        except OSError:
            self.is_trusted = False


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _flush_directory(path: str) -> None:
    fd = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
