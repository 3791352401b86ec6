"""An LMDB environment: transactions of many threads and processes over a file that grows."""

from collections.abc import Callable
from threading import Lock
from typing import Any

import lmdb

from cookietrack_plugin.errors import CookieTrackError, StoreCorrupt, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.lmdb.files import check_used
from cookietrack_plugin.stores.lmdb.layout import DamagedPage, UnreadablePage
from cookietrack_plugin.stores.lmdb.mapping import MemoryMap
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import Identity, Place
from cookietrack_plugin.stores.lmdb.reserve import Reserve, is_for_want_of_room

FIRST_MAP = 64 * 2**20
# Bytes that a deletion may take beyond `maxsize`.
_DELETION_RESERVE = 16 * 2**20
_FIRST_STEP = 256 * 2**10

# Called with the tables, a transaction, and what else was given.
Work = Callable[..., Any]


class Environment:
    """
    The environment in one directory, for all stores of this process: LMDB forbids opening it twice
    in a process.

    While the map is moved (`mdb_env_set_mapsize`) this process must have no open transaction: the
    gate excludes those that read, `_in_transaction` the one that writes. Nor may a thread wait
    inside LMDB until another process has committed: so processes queue for a turn outside of it.

    :param expected: the files that have to be there, for a process that writes for another one.
    :raises StoreCorrupt, StoreUnavailable: see `open_environment`.
    """

    def __init__(
        self, path: str, maxsize: int, sync: bool, expected: Identity | None = None
    ) -> None:
        self.path = path
        self.sync = sync
        self._writer = Lock()
        self._in_transaction = Lock()
        self._closed = False
        self.place = Place(path, expected)
        try:
            if expected:
                check_used(path)
            self._map = MemoryMap(self.place, min(maxsize, FIRST_MAP), sync)
        except BaseException:
            self.place.close()
            raise
        self._reserve = Reserve(self.place)
        # LMDB has opened files by their path: they have to be those that were found before.
        try:
            self.place.check()
        except BaseException:
            self._map.close()
            raise

    def read(self, work: Work, *args: Any) -> Any:
        """The result of `work` in a transaction that sees one state of the store."""
        while True:
            try:
                return self._map.view(work, args)
            except lmdb.MapResizedError:
                self._unless_writing(self._map.cover_file)
            except lmdb.ReadersFullError as error:
                if not self._map.clear_dead_readers():
                    raise StoreUnavailable(f"{self.path} cannot be read: {error}") from error
            except UnreadablePage as fault:
                raise StoreUnavailable(f"{self.path} cannot be read: {fault}") from fault
            except DamagedPage as damage:
                raise StoreCorrupt(f"{self.path} is damaged: {damage}") from damage
            except OSError as error:
                raise StoreUnavailable(f"{self.path} is closed") from error
            except lmdb.Error as error:
                self._unless_writing(self._map.reopen_if_broken)
                raise StoreUnavailable(f"{self.path} cannot be read: {error}") from error

    def write(self, maxsize: int, frees: bool, work: Work, *args: Any) -> Any:
        """
        The result of `work` in a transaction that is durable on return. Where the map was too small
        `work` is called again, on the state before.

        :param maxsize: the bytes to which the file may grow.
        :param frees: whether `work` only deletes. A deletion needs pages before it frees some: it
            may exceed `maxsize`, and use the disk space that is reserved for it.
        :raises StoreFull: there is no room, in the map or on the disk.
        :raises StoreUnavailable: also where the files were replaced during the transaction, which
            may be committed.
        """
        with self._writer, self.place.turn():
            self.place.check()
            result = self._retry(
                maxsize + _DELETION_RESERVE if frees else maxsize, frees, work, args
            )
            self.place.check()
            return result

    def used_bytes(self) -> int:
        """The bytes up to the last page of the file that is or was in use."""
        return self._map.measure()

    def snapshot(self) -> Snapshot:
        """
        The pages of the latest state. Called within `read`, where they stay as they are.

        :raises DamagedPage: no page says where the rest begins, or it cannot be read; `read`
            translates it.
        """
        return Snapshot(self.place.fileno())

    def dead_readers(self) -> int:
        """How many slots of the reader table belong to processes that have ended."""
        return self._map.dead_readers()

    def clear_dead_readers(self) -> int:
        """See `MemoryMap`."""
        return self._map.clear_dead_readers()

    def size(self) -> dict[str, int]:
        """`bytes` on disk, and those that are mapped."""
        return self._map.sizes()

    def close(self) -> None:
        with self._writer:
            self._closed = True
            try:
                self._map.close()
            except lmdb.Error as error:
                raise StoreUnavailable(f"{self.path} cannot be written: {error}") from error

    def _retry(self, limit: int, frees: bool, work: Work, args: Any) -> Any:
        step = _FIRST_STEP
        while True:
            try:
                return self._transact(limit, frees, work, args)
            except lmdb.MapResizedError:
                self._map.cover_file()
            except lmdb.MapFullError as error:
                self._grow(limit, frees, step, error)
                step *= 2
            except lmdb.Error as error:
                self._map.reopen_if_broken()
                raise self._failure(error) from error

    def _transact(self, limit: int, frees: bool, work: Work, args: Any) -> Any:
        with self._in_transaction:
            self._fit(limit, frees)
            return self._map.transact(work, args)

    def _fit(self, limit: int, frees: bool) -> None:
        """Resize the map to what this transaction may use: other stores may be larger."""
        used, size = self._map.measure(), self._map.size
        bound = min(limit, size if frees else self._reserve.bound(used))
        # LMDB makes the map no smaller than what is in use.
        if size != max(bound, used):
            self._map.resize(max(bound, used))

    def _grow(self, limit: int, frees: bool, step: int, error: Exception) -> None:
        if self._map.clear_dead_readers():
            return
        if self._map.size >= limit:
            raise StoreFull(f"{self.path} has reached {limit} bytes, its limit") from error
        if frees:
            size = max(self._map.size, self.place.size()) + step
        else:
            size = self._reserve.extend(self._map.measure(), step, limit)
        self._map.resize(min(limit, size))

    def _failure(self, error: Exception) -> CookieTrackError:
        if is_for_want_of_room(error, self.place):
            return StoreFull(f"no room to write {self.path}: {error}")
        return StoreUnavailable(f"{self.path} cannot be written: {error}")

    def _unless_writing(self, move: Callable[[], None]) -> None:
        """
        Call `move` unless a transaction of ours writes: that one moves the map for itself, and a
        reader must not.
        """
        if self._in_transaction.acquire(blocking=False):
            try:
                move()
            finally:
                self._in_transaction.release()
