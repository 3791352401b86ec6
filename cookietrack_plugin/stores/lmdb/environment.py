"""An LMDB environment: transactions of many threads and processes over a map that grows."""

import errno
import fcntl
import mmap
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock
from typing import Any

import lmdb

from cookietrack_plugin.errors import CookieTrackError, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.lmdb.files import DATA_FILE, open_environment, used_bytes
from cookietrack_plugin.stores.lmdb.gate import MapGate
from cookietrack_plugin.stores.lmdb.tables import Tables

# Readers wait while the kernel unmaps what they have read, about half a millisecond for a gigabyte:
# so the map grows seldom, and by much. It takes addresses, not memory.
_FIRST_MAP = 64 * 2**20
_GROWTH = 16
_DELETION_RESERVE = 16 * 2**20
_LITTLE = 16 * 2**20
_NO_ROOM = tuple(os.strerror(code) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))

# Called with the tables, a transaction, and what else was given.
Work = Callable[..., Any]


class Environment:
    """
    The environment in one directory, for all stores of this process: LMDB forbids to open it twice.

    Threads that read never wait for a commit. Moving the map alone excludes them, for a moment. It
    wants no transaction of ours to be open (`_gate` knows those that read, `_in_transaction` the
    one that writes), and no thread of ours to wait inside of LMDB until another process has
    committed: so processes queue outside of it, in `_turn`.

    :raises StoreCorrupt, StoreUnavailable: see `open_environment`.
    """

    def __init__(self, path: str, maxsize: int, sync: bool) -> None:
        self.path = path
        self.sync = sync
        self._gate = MapGate()
        self._writer = Lock()
        self._in_transaction = Lock()
        self._closed = False
        self._use(*open_environment(path, min(maxsize, _FIRST_MAP), sync))
        self._data = os.open(os.path.join(path, DATA_FILE), os.O_RDWR)

    def read(self, work: Work, *args: Any) -> Any:
        """The result of `work` in a transaction that sees one state of the store."""
        while True:
            try:
                return self._view(work, args)
            except lmdb.MapResizedError:
                self._unless_writing(self._adopt_growth)
            except lmdb.Error as error:
                self._unless_writing(self._reopen_if_broken)
                raise StoreUnavailable(f"{self.path} cannot be read: {error}") from error

    def write(self, maxsize: int, frees: bool, work: Work, *args: Any) -> Any:
        """
        The result of `work` in a transaction that is durable on return. Where the map was too small
        it begins again, from the state before.

        :param maxsize: the bytes to which the map may grow.
        :param frees: whether `work` only deletes. Even that needs pages before it frees some, and
            may take more than `maxsize`: a full store can be deleted from.
        :raises StoreFull: there is no room, in the map or on the disk.
        """
        limit = maxsize + _DELETION_RESERVE if frees else maxsize
        with self._writer, self._turn():
            while True:
                try:
                    return self._transact(limit, work, *args)
                except lmdb.MapResizedError:
                    self._adopt_growth()
                except lmdb.MapFullError as error:
                    self._grow(limit, error)
                except lmdb.Error as error:
                    self._reopen_if_broken()
                    raise self._failure(error) from error

    def clear_dead_readers(self) -> int:
        """
        How many there were: a process that was killed while it read keeps a place in LMDB's table
        of readers, and pages from being used again.
        """
        with self._gate.mine.lock, suppress(lmdb.Error):
            cleared: int = self._env.reader_check()
            return cleared
        return 0

    def size(self) -> dict[str, int]:
        """`bytes` on disk, and those that are mapped."""
        with self._gate.mine.lock:
            if self._closed:
                raise StoreUnavailable(f"{self.path} is closed")
            return {"bytes": os.fstat(self._data).st_size, "map_bytes": self._map_size}

    def close(self) -> None:
        with self._writer, self._gate.moving():
            self._closed = True
            try:
                if not self.sync:
                    self._env.sync(True)
            except lmdb.Error as error:
                raise self._failure(error) from error
            finally:
                self._env.close()
                os.close(self._data)

    def _use(self, env: Any, tables: Tables) -> None:
        self._env, self._tables = env, tables
        self._map_size: int = env.info()["map_size"]

    def _view(self, work: Work, args: Iterable[Any]) -> Any:
        # `with` takes longer here than the transaction and the lock themselves.
        lock = self._gate.mine.lock
        lock.acquire()
        try:
            txn = self._env.begin()
            try:
                return work(self._tables, txn, *args)
            finally:
                txn.abort()
        finally:
            lock.release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        try:
            fcntl.flock(self._data, fcntl.LOCK_EX)
        except OSError as error:
            raise StoreUnavailable(f"{self.path} cannot be locked: {error}") from error
        try:
            yield
        finally:
            fcntl.flock(self._data, fcntl.LOCK_UN)

    def _transact(self, limit: int, work: Work, *args: Any) -> Any:
        if self._map_size > limit:
            # Another store or process may take more. LMDB keeps what is in use by then.
            self._resize(limit)
        with self._in_transaction:
            with self._env.begin(write=True) as txn:
                result = work(self._tables, txn, *args)
            self._complete_file()
        return result

    def _complete_file(self) -> None:
        # Pages at the end that a transaction gave back again are not written by LMDB. But a file
        # that lacks its end is taken for an incomplete copy.
        size = used_bytes(self._env)
        if os.fstat(self._data).st_size < size:
            with suppress(OSError):
                os.ftruncate(self._data, size)
                os.fsync(self._data)

    def _grow(self, limit: int, error: Exception) -> None:
        if self.clear_dead_readers():
            return
        if self._map_size >= limit:
            raise StoreFull(f"{self.path} has reached {limit} bytes, its limit") from error
        self._resize(min(limit, self._map_size * _GROWTH))

    def _resize(self, size: int) -> None:
        self._check_addresses(size)
        with self._gate.moving():
            self._env.set_mapsize(size)
            self._map_size = size

    def _check_addresses(self, size: int) -> None:
        # LMDB unmaps before it maps, and does not survive when that fails: so try it elsewhere.
        try:
            mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ).close()
        except OSError as error:
            raise StoreFull(f"{self.path} needs {size} bytes of addresses: {error}") from error

    def _adopt_growth(self) -> None:
        """Another process uses more than our map covers: cover that, and some more."""
        size = self._map_size * _GROWTH
        while size < os.fstat(self._data).st_size:
            size *= _GROWTH
        try:
            self._resize(size)
        except StoreFull as error:
            raise StoreUnavailable(str(error)) from error

    def _reopen_if_broken(self) -> None:
        """After a disk error at a wrong moment LMDB refuses everything until it is opened again."""
        with self._gate.moving():
            if not self._closed and not self._works():
                self._env.close()
                self._use(*open_environment(self.path, self._map_size, self.sync, again=True))

    def _works(self) -> bool:
        try:
            self._env.begin().abort()
        except lmdb.Error:
            return False
        return True

    def _failure(self, error: Exception) -> CookieTrackError:
        if any(reason in str(error) for reason in _NO_ROOM) or self._is_cut_off(error):
            return StoreFull(f"no room to write {self.path}: {error}")
        return StoreUnavailable(f"{self.path} cannot be written: {error}")

    def _is_cut_off(self, error: Exception) -> bool:
        # LMDB does not know why the disk took a part only of what it wrote.
        disk = os.fstatvfs(self._data)
        return os.strerror(errno.EIO) in str(error) and disk.f_bavail * disk.f_frsize < _LITTLE

    def _unless_writing(self, move: Callable[[], None]) -> None:
        """
        A transaction that is about to begin or has begun has moved the map for itself: a reader
        need not, and must not.
        """
        if self._in_transaction.acquire(blocking=False):
            try:
                move()
            finally:
                self._in_transaction.release()
