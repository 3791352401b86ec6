"""The files of an environment that is open: whether they are still where they were."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cookietrack_plugin.errors import StoreUnavailable

DATA_FILE, LOCK_FILE = "data.mdb", "lock.mdb"
# Leads to the number of the store's format.
FORMAT_KEY = b"cookietrack"
# One slot for each thread that reads, of all processes together.
MAX_READERS = 510
_SLOT_BYTES = 64
# The head takes two slots.
LOCK_BYTES = (MAX_READERS + 2) * _SLOT_BYTES
_MODE = 0o600
_ADVICE = "put it back, or restart every process that uses the store"

# Device and inode of the data file, and of the lock file.
Identity = tuple[tuple[int, int], ...]


class Place:
    """
    The data file and the lock file of one directory, both of which are there already.

    LMDB keeps its file descriptors. If the files are replaced, a process that opens the path later
    has other files: a logout is stored in one file, and the cookie is read from another.

    :param expected: what the worker found there, in the process that writes for it.
    :raises StoreUnavailable: something else is there.
    """

    def __init__(self, path: str, expected: Identity | None = None) -> None:
        self.path = path
        self._files = [os.path.join(path, name) for name in (DATA_FILE, LOCK_FILE)]
        self._data = self._locks = -1
        self.identity = expected or tuple(_identify(os.lstat(file)) for file in self._files)
        self.check()
        try:
            # A process locks this one for its turn to write: LMDB does not show its own lock.
            self._data = open_file(self._files[0], os.O_RDWR)
            # Closing this one drops LMDB's locks on it (fcntl(2)): it is closed after the
            # environment.
            self._locks = open_file(self._files[1], os.O_RDWR)
        except BaseException:
            self.close()
            raise

    def check(self) -> None:
        """:raises StoreUnavailable: a file was moved, removed or replaced, or the lock file cut."""
        for file, identity in zip(self._files, self.identity, strict=True):
            try:
                found = os.lstat(file)
            except OSError as error:
                raise StoreUnavailable(
                    f"{file} is no longer there ({error.strerror}): {_ADVICE}"
                ) from error
            if _identify(found) != identity:
                raise StoreUnavailable(f"{file} is not the file that was opened: {_ADVICE}")
        # `found` is of the lock file: LMDB maps it, and what it lacks ends the process (SIGBUS).
        if found.st_size < LOCK_BYTES:
            raise StoreUnavailable(
                f"{file} was cut to {found.st_size} of {LOCK_BYTES} bytes while it was open:"
                " restart every process that uses the store"
            )

    def size(self) -> int:
        """The bytes of the data file."""
        try:
            return os.lseek(self._data, 0, os.SEEK_END)
        except OSError as error:
            raise StoreUnavailable(f"{self.path} is closed") from error

    def extend(self, size: int) -> None:
        """
        Allocate disk space for the data file up to `size` bytes.

        :raises OSError: there is none.
        """
        before = self.size()
        if before < size:
            os.posix_fallocate(self._data, before, size - before)

    def free_bytes(self) -> int:
        """The free space on its disk."""
        disk = os.fstatvfs(self._data)
        return disk.f_bavail * disk.f_frsize

    def fileno(self) -> int:
        """The descriptor of the data file."""
        return self._data

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Within it no other process writes."""
        try:
            fcntl.flock(self._data, fcntl.LOCK_EX)
        except (OSError, ValueError) as error:
            raise StoreUnavailable(f"{self.path} cannot be locked: {error}") from error
        try:
            yield
        finally:
            fcntl.flock(self._data, fcntl.LOCK_UN)

    def make_private(self) -> None:
        """Make the files private: a restore may have left them readable by others."""
        for descriptor in (self._data, self._locks):
            if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
                with suppress(PermissionError):
                    os.fchmod(descriptor, _MODE)

    def fill_locks(self) -> None:
        """
        Fill a lock file that was cut with zeros: otherwise LMDB crashes while it closes. Processes
        that have it open find it emptied, too (`MemoryMap`).
        """
        if self._locks >= 0 and os.fstat(self._locks).st_size < LOCK_BYTES:
            os.pwrite(self._locks, bytes(LOCK_BYTES), 0)

    def close(self) -> None:
        opened = self._data, self._locks
        self._data = self._locks = -1
        for descriptor in opened:
            if descriptor >= 0:
                os.close(descriptor)


def open_file(file: str, flags: int) -> int:
    """A descriptor of the file; a symbolic link is not followed."""
    return os.open(file, flags | os.O_NOFOLLOW)


def _identify(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
