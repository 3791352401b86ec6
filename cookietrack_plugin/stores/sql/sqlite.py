"""The SQL store on SQLite, with deletions that succeed on a full disk."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from cookietrack_plugin.errors import ConfigError, StoreFull, StoreUnavailable
from cookietrack_plugin.record import Change, Delete, UserRevoked
from cookietrack_plugin.stores.sql.reserve import Reserve
from cookietrack_plugin.stores.sql.store import SqlStore
from cookietrack_plugin.stores.sql.tables import Tables

# Records deleted in one transaction on a full disk: they need less of the log than the reserve.
FEW = 16

T = TypeVar("T")


class SQLiteStore(SqlStore):
    """
    On a full disk new records, logins and touches are refused. Deletions succeed, by themselves and
    few at a time: they use the reserve for the log, and give it back.
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
                # The caller commits each of the changes again by itself.
                raise
            commit = super().commit
            return self._with_reserve(lambda: commit(changes))

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
        return self._with_reserve(lambda: revoke(revoked, FEW))

    def _expire_few(self, now: int, limit: int) -> int:
        expire = super().expire
        return self._with_reserve(lambda: expire(now, min(FEW, limit)))

    def _write(self, work: Callable[[Connection], T]) -> T:
        # Not when it is opened, which may be for reading.
        if not self._is_reserved:
            self._is_reserved = True
            self._reserve.take()
        try:
            return super()._write(work)
        except ConfigError:
            # Where a file cannot be opened for writing, be it for a moment, SQLite opens it for
            # reading; and the pool would keep that connection.
            self._engine.dispose()
            return super()._write(work)

    def _with_reserve(self, work: Callable[[], T]) -> T:
        """Do `work` with the reserved space, and reserve it again."""
        with self._reserve.released():
            # A checkpoint needs space in the database's file, and frees the log's.
            self._empty_log()
            done = work()
            self._empty_log()
            return done

    def _empty_log(self) -> None:
        with suppress(SQLAlchemyError, StoreUnavailable), self._connection() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
