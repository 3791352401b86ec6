"""The memory map of an LMDB environment, and the checks that its file is whole."""

import mmap
import os
from collections.abc import Iterable
from contextlib import suppress
from os import SEEK_END, lseek
from time import monotonic
from typing import Any

import lmdb

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.stores.lmdb.files import PAGES_OF_META, open_environment, opening_again
from cookietrack_plugin.stores.lmdb.gate import MapGate
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, LOCK_FILE, Place
from cookietrack_plugin.stores.lmdb.tables import Tables

# Readers wait while the kernel unmaps what they have read, about half a millisecond for a gigabyte.
# So where another process grows the file, the map grows seldom, by this factor. It takes addresses,
# not memory.
_GROWTH = 16
# Seconds between two checks, by look-ups, whether the files were replaced.
_LOOK_S = 0.1


class MemoryMap:
    """
    The environment at `place`, mapped.

    Threads that read never wait for a commit. Only moving the map excludes them, for a moment;
    while it moves this process must have no open write transaction. A read behind the end of the
    file ends the process (SIGBUS), so the file is measured before each transaction.

    :raises StoreCorrupt, StoreUnavailable: see `open_environment`.
    """

    def __init__(self, place: Place, size: int, sync: bool) -> None:
        self.place = place
        self._sync = sync
        self.gate = MapGate()
        self._closed = False
        self._data = place.fileno()
        self._look_again = 0.0
        self._use(*open_environment(place.path, size, sync))

    def view(self, work: Any, args: Iterable[Any]) -> Any:
        """The result of `work` in a transaction that sees one state of the store."""
        # `with` takes longer here than the transaction and the lock themselves, and so do calls.
        lock = self.gate.mine.lock
        lock.acquire()
        try:
            if monotonic() >= self._look_again:
                self._look()
            if lseek(self._data, 0, SEEK_END) != self._whole:
                self.measure()
            txn = self._env.begin()
            try:
                return work(self._tables, txn, *args)
            finally:
                txn.abort()
        finally:
            lock.release()

    def transact(self, work: Any, args: Iterable[Any]) -> Any:
        """The result of `work` in a transaction that is durable on return."""
        with self._env.begin(write=True) as txn:
            self._check_age(txn.id() - 1)
            result = work(self._tables, txn, *args)
        # LMDB does not write pages at the end that a transaction allocated and freed again. But a
        # file that lacks its end is taken for an incomplete copy.
        with suppress(OSError):
            self.place.extend(self._used_bytes())
        return result

    def measure(self) -> int:
        """
        The bytes up to the last page of the file that is or was in use.

        :raises StoreUnavailable: the file was cut, and lacks some of them.
        """
        # LMDB reads the meta pages in order to say what is in use: they have to be there.
        size, used = self.place.size(), PAGES_OF_META * self._page_size
        if size >= used:
            used = self._used_bytes()
        if size < used:
            raise StoreUnavailable(
                f"{self.place.path}/{DATA_FILE} was cut to {size} of {used} bytes while it was"
                " open: stop every process that uses the store, and replace it by a complete copy"
            )
        self._whole = size
        return used

    def sizes(self) -> dict[str, int]:
        """`bytes` on disk, and those that are mapped."""
        with self.gate.mine.lock:
            return {"bytes": self.place.size(), "map_bytes": self.size}

    def resize(self, size: int) -> None:
        """:raises StoreFull: the process has no addresses for it."""
        # LMDB unmaps before it maps, and what it had is lost if that fails: try another one first.
        _check_addresses(self.place.path, size)
        with self.gate.moving():
            try:
                self._env.set_mapsize(size)
            except lmdb.Error as error:
                # Nothing is mapped now, and a transaction would end the process.
                self._reopen()
                raise _no_addresses(self.place.path, size, error) from error
            self.size: int = self._env.info()["map_size"]

    def cover_file(self) -> None:
        """Grow the map beyond what another process has grown the file to."""
        least = self.place.size()
        size = max(self.size * _GROWTH, least)
        while True:
            try:
                return self.resize(size)
            except StoreFull as error:
                if size == least:
                    raise StoreUnavailable(str(error)) from error
                size = max(size // 2, least)

    def dead_readers(self) -> int:
        """
        How many slots of the reader table belong to processes that have ended. They are counted in
        what LMDB prints, a line for each: process, thread, transaction.
        """
        with self.gate.mine.lock, suppress(lmdb.Error):
            self.place.check()
            lines = self._env.readers().splitlines()
            pids = [int(line.split()[0]) for line in lines if line.split()[0].isdigit()]
            return sum(not _is_running(pid) for pid in pids)
        return 0

    def clear_dead_readers(self) -> int:
        """
        Free these slots; how many there were. A process that was killed while it read keeps its
        slot in LMDB's reader table, and keeps pages from being reused.
        """
        with self.gate.mine.lock, suppress(lmdb.Error):
            self.place.check()
            cleared: int = self._env.reader_check()
            return cleared
        return 0

    def reopen_if_broken(self) -> None:
        """After a disk error at a wrong moment LMDB refuses everything until it is opened again."""
        with self.gate.moving():
            if not self._closed and not self._works():
                self.place.check()
                self._reopen()
                self.place.check()

    def close(self) -> None:
        """:raises lmdb.Error: what was not synchronous could not be written."""
        with self.gate.moving():
            self._closed = True
            self.place.fill_locks()
            try:
                if not self._sync:
                    self._env.sync(True)
            finally:
                self._env.close()
                self._data = -1
                self.place.close()

    def _reopen(self) -> None:
        self._env.close()
        with opening_again():
            self._use(*open_environment(self.place.path, self.size, self._sync, again=True))

    def _use(self, env: Any, tables: Tables) -> None:
        self._env, self._tables = env, tables
        self.size = env.info()["map_size"]
        self._page_size: int = env.stat()["psize"]
        # The size at which the file was found to have all pages that are in use.
        self._whole = -1

    def _look(self) -> None:
        """The checks that take longer than a look-up, and so are not made with each."""
        self.place.check()
        self.measure()
        # New processes cannot do this if the table is full: opening takes a slot.
        self._env.reader_check()
        with self._env.begin() as txn:
            self._check_age(txn.id())
        self._look_again = monotonic() + _LOOK_S

    def _used_bytes(self) -> int:
        last: int = self._env.info()["last_pgno"]
        return (last + 1) * self._page_size

    def _check_age(self, expected: int) -> None:
        """Check that the file is as new as the last commit whose number the lock file has."""
        # The first commit made the tables.
        if not expected:
            raise StoreUnavailable(
                f"{self.place.path}/{LOCK_FILE} was emptied while it was open: restart every"
                " process that uses the store"
            )
        if self._env.info()["last_txnid"] < expected:
            raise StoreUnavailable(
                f"{self.place.path}/{DATA_FILE} is older than what was read from it: a copy was"
                " written over it. Restart every process that uses the store"
            )

    def _works(self) -> bool:
        try:
            self._env.begin().abort()
        except lmdb.ReadersFullError:
            return True
        except lmdb.Error:
            return False
        return True


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        # Another user's process.
        return True
    return True


def _check_addresses(path: str, size: int) -> None:
    try:
        mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ).close()
    except OSError as error:
        raise _no_addresses(path, size, error) from error


def _no_addresses(path: str, size: int, error: Exception) -> StoreFull:
    return StoreFull(f"{path} needs {size} bytes of addresses: {error}")
