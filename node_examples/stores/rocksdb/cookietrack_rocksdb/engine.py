"""The engine: keys and values in a RocksDB database, which one process has open."""

import fcntl
import os
import re
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock

from rocksdict import DbClosedError, Options, Rdict, ReadOptions, WriteBatch, WriteOptions

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from cookietrack_plugin.stores.kit.ordered.engine import Result, View, Writes
from cookietrack_plugin.stores.kit.permissions import denied, unusable

# RocksDB's own log of what it does: files of it that are kept.
LOG_FILES = 4
# `struct flock` of Linux on 64 bits: type, whence, start, length, pid.
FLOCK = "hhqqi4x"
# What is there when RocksDB was killed, or had no room, while it made a database.
UNFINISHED = re.compile(
    r"LOCK|LOG(\.old\.\d+)?|IDENTITY|MANIFEST-\d+|\w+\.dbtmp|rocksdict-config\.json"
)
# Room for the small files that opening a database writes, besides what its log has.
OPENING_BYTES = 2**20


class RocksdbEngine:
    """Any thread reads; the thread that commits writes."""

    #: A WriteBatch takes what it is given.
    max_keys: int | None = None
    #: One thread of one process writes.
    is_locking = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._is_closed = False
        self._has_failed = False
        self._opening = Lock()
        self._database: Rdict | None = None
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            names = os.listdir(path)
        except OSError as error:
            raise unusable(path, error) from error
        if "CURRENT" not in names and not all(map(UNFINISHED.fullmatch, names)):
            raise StoreCorrupt(f"{path} is no RocksDB database, and not empty")
        self._inode: tuple[int, int] | None = None
        self._open()

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        wanted = list(keys)
        with self._opened() as database:
            # One column family: RocksDB reads all of one moment.
            values = database.get(wanted)
        found = zip(wanted, values, strict=True)
        return {key: value for key, value in found if value is not None}

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        found = []
        with self._opened() as database:
            place = database.iter(_before(end))
            place.seek(start)
            while place.valid() and len(found) < limit:
                found.append((place.key(), place.value()))
                place.next()
            place.status()
        return found

    def write(self, plan: Callable[[View], tuple[Writes, Result]]) -> Result:
        writes, result = plan(self)
        if not writes:
            self._check_place()
            return result
        batch = WriteBatch(raw_mode=True)
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if self._has_failed:
            self._open_again()
        with self._opened() as database:
            # The driver raises nothing more exact than Exception: each means that it has failed.
            self._has_failed = True
            database.write(batch, _synced())
            self._has_failed = False
        self._check_place()
        return result

    def count(self, start: bytes, end: bytes) -> int:
        with self._opened() as database:
            return sum(1 for _ in database.keys(from_key=start, read_opt=_before(end)))

    def size(self) -> int:
        return self._size_of("")

    def close(self) -> None:
        with self._opening:
            self._is_closed = True
            self._release()

    def _release(self) -> None:
        database, self._database = self._database, None
        # What is in memory is in the log as well: it need not be written a second time.
        with suppress(Exception):
            if database is not None:
                database.close()

    def _open(self) -> Rdict:
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_keep_log_file_num(LOG_FILES)
        # One thread at a time: a second one would find the database locked.
        with self._opening, self._translated():
            self._check_open()
            if self._database is None:
                self._database = Rdict(self._path, options)
                self._inode = self._found()
                self._has_failed = False
            return self._database

    def _open_again(self) -> None:
        """
        After a failed write RocksDB refuses all others until it was opened again.

        That writes what its log has into a table. Without room for it the database stays open, so
        that it can be read.
        """
        found = os.statvfs(self._path)
        if found.f_bavail * found.f_frsize < self._size_of(".log") + OPENING_BYTES:
            raise StoreFull(f"no room for the cookies in {self._path}")
        with self._opening:
            self._release()
        self._open()

    @contextmanager
    def _opened(self) -> Iterator[Rdict]:
        self._check_place()
        database = self._database or self._open()
        with self._translated():
            yield database

    def _check_place(self) -> None:
        """RocksDB goes on writing to files that were moved away, where nobody looks for them."""
        self._check_open()
        if self._found() != self._inode:
            raise StoreUnavailable(f"{self._path} was taken away")

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"{self._path} is closed")

    def _found(self) -> tuple[int, int] | None:
        """Device and inode of the lock file, which an open database keeps; None without one."""
        try:
            found = os.stat(os.path.join(self._path, "LOCK"))
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _size_of(self, ending: str) -> int:
        """Bytes of the files whose names end so."""
        try:
            names = [name for name in os.listdir(self._path) if name.endswith(ending)]
        except OSError as error:
            raise StoreUnavailable(f"{self._path} is out of reach: {error}") from error
        found = 0
        for name in names:
            # A file may go while the others are looked at.
            with suppress(OSError):
                found += os.path.getsize(os.path.join(self._path, name))
        return found

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """What the driver raises within the block, in the terms of the plugin."""
        try:
            yield
        except CookieTrackError:
            raise
        # The driver tells by the text alone what has gone wrong.
        except Exception as error:
            raise self._translation(error) from error

    def _translation(self, error: Exception) -> CookieTrackError:
        text = str(error)
        if isinstance(error, DbClosedError):
            return StoreUnavailable(f"{self._path} is closed")
        if "lock hold by current process" in text:
            return StoreLocked(f"{self._path} is in use by this process, pid {os.getpid()}")
        if "While lock file" in text:
            return StoreLocked(f"{self._path} is in use by {_holder(self._path)}")
        if why := denied(self._path, error):
            return ConfigError(why)
        if "No space left" in text or "Disk quota" in text:
            return StoreFull(f"no room for the cookies in {self._path}")
        if text.startswith(("Corruption", "Invalid argument", "Not implemented")):
            return StoreCorrupt(f"the cookies in {self._path} cannot be read: {text}")
        return StoreUnavailable(f"the cookies in {self._path} are out of reach: {text}")


def _before(end: bytes) -> ReadOptions:
    options = ReadOptions()
    options.set_iterate_upper_bound(end)
    return options


def _synced() -> WriteOptions:
    """Options of a write that survives a power cut."""
    options = WriteOptions()
    options.sync = True
    return options


def _holder(path: str) -> str:
    """The process that has the database open. Not for one of this process: it would be unlocked."""
    with open(os.path.join(path, "LOCK"), "rb+") as file:
        request = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, request))
    return "another process" if kind == fcntl.F_UNLCK else f"pid {pid}"
