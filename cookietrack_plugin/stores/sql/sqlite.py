"""The SQL store on SQLite: letting go works on a full disk too."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Change, Delete, UserRevoked
from cookietrack_plugin.stores.sql.reserve import Reserve
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.stores.sql.tables import Tables

# Records deleted in one transaction there: what they need of the log is less than the reserve.
FEW = 16

T = TypeVar("T")


class SQLiteStore(SqlStore):
    """
    A disk that is full takes no new records, logins and touches. Deletions it takes, by themselves
    and few at a time: they need room in the log, which the reserve has, and give it back.
    """

    def __init__(self, engine: Engine, tables: Tables, place: str, timeout: float) -> None:
        super().__init__(engine, tables, place, timeout)
        self._reserve = Reserve(str(engine.url.database))
        self._is_reserved = False

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        try:
            return super().commit(changes)
        except StoreFull:
            if len(changes) > FEW or not all(isinstance(change, Delete) for change in changes):
                # Each of them comes again by itself.
                raise
            commit = super().commit
            return self._let_go(lambda: commit(changes))

    def expire(self, now: int, limit: int) -> int:
        with suppress(StoreFull):
            return super().expire(now, limit)
        expired = 0
        while expired < limit and (last := self._expire_few(now, limit - expired)):
            expired += last
        return expired

    def _revoke_portion(self, revoked: UserRevoked, most: int | None = None) -> tuple[int, bool]:
        with suppress(StoreFull):
            return super()._revoke_portion(revoked, most)
        revoke = super()._revoke_portion
        return self._let_go(lambda: revoke(revoked, FEW))

    def _expire_few(self, now: int, limit: int) -> int:
        expire = super().expire
        return self._let_go(lambda: expire(now, min(FEW, limit)))

    def _write(self, work: Callable[[Connection], T]) -> T:
        # Not when it is opened: it may only be looked at.
        if not self._is_reserved:
            self._is_reserved = True
            self._reserve.take()
        return super()._write(work)

    def _let_go(self, work: Callable[[], T]) -> T:
        """Do `work` with the reserve, and make its room that of the reserve again."""
        with self._reserve.released():
            # What is in the log needs room in the file, and the log begins again behind it.
            self._empty_log()
            done = work()
            self._empty_log()
            return done

    def _empty_log(self) -> None:
        with suppress(SQLAlchemyError, StoreUnavailable), self._connection() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
