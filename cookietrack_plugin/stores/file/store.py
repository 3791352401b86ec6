"""Cookies in a text file that is only appended to, and in memory for as long as it is open."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    INonBlockingCommit,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.file import query
from cookietrack_plugin.stores.file.appender import Appender
from cookietrack_plugin.stores.file.batch import Batch, ending, prepare, removal
from cookietrack_plugin.stores.file.compactor import Compactor
from cookietrack_plugin.stores.file.encoding import decode, to_id, to_key
from cookietrack_plugin.stores.file.journal import Journal
from cookietrack_plugin.stores.file.loader import Opened
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored


@implementer(ICookieStore, INonBlockingCommit, IUserRevocation, IVerifiable)
class FileStore:
    """A `FileTable`, and a file of which it can be made again."""

    reads_block = False
    commits_block = True

    def __init__(self, path: str, lock: FileLock, opened: Opened, apart: bool = True) -> None:
        self._path = path
        self._lock = lock
        self._table = opened.table
        self._journal = Journal(path, opened.file, Appender(lock) if apart else None)
        self._found = {"damaged": opened.damaged, "torn": opened.torn}
        # What `begin` has given to the journal.
        self._begun = Batch(())
        # Held during a commit, and while a compaction puts its file into the place of ours.
        self._commits = Lock()
        self._compactor = Compactor(path, self._table, self._journal, self._commits)
        self._is_closed = False
        self._compactor.run_if_worth()

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._check_open()
        return query.load(self._table, ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        with self._commits:
            self._check_open()
            batch = self._prepare(changes)
            self._append(batch)
            self._journal.start_process()
            return batch.applied

    def begin(self, changes: Sequence[Change]) -> bool:
        # Until it is finished this is held, as during any other commit.
        if not self._journal.has_process or not self._commits.acquire(blocking=False):
            return False
        begun = False
        try:
            self._check_open()
            self._begun = batch = self._prepare(changes)
            begun = bool(batch.states) and self._journal.begin(batch.lines())
        finally:
            if not begun:
                self._commits.release()
        return begun

    def fileno(self) -> int:
        return self._journal.fileno()

    def finish(self) -> Sequence[bool] | None:
        over = True
        try:
            over = self._journal.finish()
            if over:
                self._appended(self._begun)
        finally:
            if over:
                self._compactor.run_if_worth()
                self._commits.release()
        return self._begun.applied if over else None

    def expire(self, now: int, limit: int) -> int:
        with self._commits:
            self._check_open()
            keys = self._table.due(now, limit)
            try:
                self._append(removal(keys))
            except BaseException:
                self._table.put_off(keys)
                raise
            return len(keys)

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """It reads all records, with pauses, and writes one batch."""
        with self._commits:
            self._check_open()
            kept = set(map(to_key, keep))
            keys = [key for key in query.keys(self._table, authid, authrealm) if key not in kept]
            self._append(ending(keys))
            return len(keys)

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        self._check_open()
        for cookie in query.scan(self._table, authid, authrealm):
            self._check_open()
            yield cookie

    def stat(self) -> Mapping[str, Any]:
        self._check_open()
        return {
            "cookies": self._table.count,
            "bytes": self._journal.size,
            "live_bytes": self._table.live,
            "compactions": self._compactor.done,
            **self._found,
        }

    def damaged(self) -> Iterator[str]:
        self._check_open()
        # Lines that could not be read have been put aside when the file was opened.
        for key in query.undecodable(self._table):
            yield f"record {to_id(key)} cannot be decoded"

    def repair(self) -> int:
        with self._commits:
            self._check_open()
            keys = list(query.undecodable(self._table))
            self._append(removal(keys))
            self._found["damaged"] += len(keys)
            return sum(self._found.values())

    def close(self) -> None:
        with self._commits:
            self._is_closed = True
        self._compactor.stop()
        self._journal.close()
        self._lock.release()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"the cookie file {self._path} is closed")

    def _prepare(self, changes: Sequence[Change]) -> Batch:
        return prepare(changes, self._records({change.id for change in changes}))

    def _records(self, ids: set[str]) -> dict[str, Stored]:
        keys = [to_key(id) for id in ids]
        found = [(key, self._table.get(key)) for key in keys]
        return {to_id(key): decode(key, text) or DAMAGED for key, text in found if text is not None}

    def _append(self, batch: Batch) -> None:
        if not batch.states:
            return
        try:
            self._journal.append(batch.lines())
            self._appended(batch)
        finally:
            self._compactor.run_if_worth()

    def _appended(self, batch: Batch) -> None:
        self._table.commit(batch.states)
        self._compactor.note(batch.states)
