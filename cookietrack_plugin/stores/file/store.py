"""Cookies in a text file that is only appended to, and in memory for as long as it is open."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.interfaces import (
    ICookieStore,
    INonBlockingCommit,
    IUserRevocation,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.file import query
from cookietrack_plugin.stores.file.batch import Batch, ending, prepare, removal
from cookietrack_plugin.stores.file.encoding import to_id, to_key
from cookietrack_plugin.stores.file.ledger import Ledger


@implementer(ICookieStore, INonBlockingCommit, IUserRevocation, IVerifiable)
class FileStore:
    """Reads from a `FileTable`, and alters it by a `Ledger`."""

    reads_block = False
    commits_block = True

    def __init__(self, ledger: Ledger, found: Mapping[str, int]) -> None:
        """:param found: for `stat`, how many lines were left out when the file was opened."""
        self._ledger = ledger
        self._table = ledger.table
        self._found = dict(found)

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._ledger.check_open()
        return query.load(self._table, ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        with self._ledger.altering():
            batch = self._prepare(changes)
            self._ledger.append(batch)
            self._ledger.start_process()
            return batch.applied

    def begin(self, changes: Sequence[Change]) -> bool:
        return self._ledger.begin(lambda: self._prepare(changes))

    def fileno(self) -> int:
        return self._ledger.fileno()

    def finish(self) -> Sequence[bool] | None:
        batch = self._ledger.finish()
        return None if batch is None else batch.applied

    def expire(self, now: int, limit: int) -> int:
        with self._ledger.altering():
            self._ledger.tend()
            keys = self._table.due(now, limit)
            try:
                self._ledger.append(removal(keys))
            except BaseException:
                self._table.put_off(keys)
                raise
            return len(keys)

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """It reads all records, with pauses, and writes one batch."""
        with self._ledger.altering():
            kept = set(map(to_key, keep))
            keys = [key for key in query.keys(self._table, authid, authrealm) if key not in kept]
            self._ledger.append(ending(keys))
            return len(keys)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        self._ledger.check_open()
        return query.page(self._table, cursor, limit, authid, authrealm)

    def stat(self) -> Mapping[str, Any]:
        self._ledger.check_open()
        return {
            "cookies": self._table.count,
            "bytes": self._ledger.size,
            "live_bytes": self._table.live,
            "compactions": self._ledger.compactions,
            **self._found,
        }

    def damaged(self) -> Iterator[str]:
        self._ledger.check_open()
        # Lines that could not be read were put aside when the file was opened.
        for key in query.undecodable(self._table):
            yield f"record {to_id(key)} cannot be decoded"

    def repair(self) -> int:
        with self._ledger.altering():
            keys = list(query.undecodable(self._table))
            self._ledger.append(removal(keys))
            self._found["damaged"] += len(keys)
            return sum(self._found.values())

    def close(self) -> None:
        self._ledger.close()

    def _prepare(self, changes: Sequence[Change]) -> Batch:
        ids = {change.id for change in changes}
        return prepare(changes, query.records(self._table, ids))
