"""A file to which lines are appended, and which may be moved away at any time."""

import os
import stat

# Without O_NONBLOCK the opening of a device or a pipe may wait.
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class LineFile:
    """
    Appends lines to a file, each call with one write, so several processes can share the file.
    Blocks; for one thread at a time.

    If the file was moved or removed, the next call makes a new one, with mode 0600. So it can be
    rotated by renaming, without a signal: Crossbar's processes do not survive SIGHUP.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd: int | None = None
        # Whether its directory was flushed since it was opened.
        self._is_named = False
        # Whether the file ends in the middle of a line: the disk was full, or power was lost.
        self._is_torn = False

    def append(self, lines: bytes, durable: bool) -> None:
        """
        Append whole lines.

        :param durable: return when the disk has them.
        :raises OSError: it cannot be done; some of them may be in the file.
        """
        fd = self._open()
        if durable and not self._is_named:
            self._keep_name()
        self._write(fd, b"\n" + lines if self._is_torn else lines)
        if durable:
            os.fdatasync(fd)

    def close(self) -> None:
        """Idempotent. The next `append` opens the file again."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _write(self, fd: int, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(fd, data[written:])
        finally:
            if written:
                self._is_torn = data[written - 1 : written] != b"\n"

    def _open(self) -> int:
        if self._fd is not None and self._is_there(self._fd):
            return self._fd
        self.close()
        fd = os.open(self.path, _FLAGS, 0o600)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise OSError(f"{self.path}: expected a file, found something else")
        self._fd = fd
        self._is_named = False
        self._is_torn = found.st_size > 0 and os.pread(fd, 1, found.st_size - 1) != b"\n"
        return fd

    def _is_there(self, fd: int) -> bool:
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        opened = os.fstat(fd)
        return (there.st_dev, there.st_ino) == (opened.st_dev, opened.st_ino)

    def _keep_name(self) -> None:
        """Flush the directory: otherwise a new file may have no name after a power cut."""
        fd = os.open(os.path.dirname(self.path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        self._is_named = True
