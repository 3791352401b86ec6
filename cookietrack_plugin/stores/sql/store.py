"""Cookies in PostgreSQL, MySQL, MariaDB or SQLite, over SQLAlchemy: for any number of nodes."""

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IRevocationSignal,
    IServerTime,
    IUserRevocation,
)
from cookietrack_plugin.record import Change, Cookie, UserRevoked, matches
from cookietrack_plugin.stores.sql.batch import Batches, Collision
from cookietrack_plugin.stores.sql.clock import time_of
from cookietrack_plugin.stores.sql.engine import STALE
from cookietrack_plugin.stores.sql.faults import is_conflict, translated
from cookietrack_plugin.stores.sql.feed import Cursor, Feed
from cookietrack_plugin.stores.sql.fences import Fences
from cookietrack_plugin.stores.sql.listener import Listener
from cookietrack_plugin.stores.sql.revocation import UserRevoker
from cookietrack_plugin.stores.sql.stat import stat_of
from cookietrack_plugin.stores.sql.statements import make_statements, portions
from cookietrack_plugin.stores.sql.tables import Tables, hash_of, record_of
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome, transaction

# How often a transaction is tried in which others get in the way.
_TRIES = 10
# Records of a scan that are in memory at a time.
_PAGE = 500

T = TypeVar("T")


@implementer(ICookieStore, IRevocationFeed, IUserRevocation)
class SqlStore:
    """
    Records in one table, revocations in another. Every method opens and closes its own transaction.

    :param place: the database, as people may see it.
    :param timeout: seconds that a statement may take.
    """

    reads_block = True
    commits_block = True

    def __init__(self, engine: Engine, tables: Tables, place: str, timeout: float) -> None:
        dialect = engine.dialect
        self._engine = engine
        self._tables = tables
        self._place = place
        self._statements = make_statements(tables.cookies, dialect.name)
        self._feed = Feed(tables, notifies=dialect.name == "postgresql")
        fences = Fences(tables, dialect)
        self._batches = Batches(self._statements, fences, self._feed)
        self._revoker = UserRevoker(tables, dialect.name, fences, self._feed, timeout)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        def read(connection: Connection) -> dict[str, Cookie]:
            load = self._statements.load
            pages = [connection.execute(load, portion) for portion in portions(ids)]
            records = (record_of(self._trusted(row)) for page in pages for row in page)
            return {record.id: record for record in records if isinstance(record, Cookie)}

        self._check_open()
        return self._read(read) if ids else {}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        self._check_open()
        if not changes:
            return []
        return self._write(lambda connection: self._batches.apply(connection, changes))

    def expire(self, now: int, limit: int) -> int:
        def delete_due(connection: Connection) -> int:
            with transaction(connection):
                due = connection.execute(self._statements.due, {"now": now, "limit": limit})
                ids = due.scalars().all()
                for portion in portions(ids):
                    connection.execute(self._statements.delete, portion)
            self._feed.trim(connection)
            return len(ids)

        return self._write(delete_due)

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        """
        Page by page in the order of ids, each in a transaction of its own. A cursor of the server's
        would hold one transaction open for as long as somebody reads: PostgreSQL could not clean up
        behind it, SQLite's log would grow, and a connection would be missing in the pool.
        """
        last = ""
        while rows := self._page(last, authid, authrealm):
            for record in map(record_of, rows):
                if isinstance(record, Cookie) and matches(record.auth, authid, authrealm):
                    yield record
            last = rows[-1].id

    def stat(self) -> Mapping[str, Any]:
        return self._read(lambda connection: stat_of(connection, self._tables))

    def revoked_since(self, cursor: Any) -> tuple[Sequence[str | UserRevoked], Cursor]:
        return self._read(lambda connection: self._feed.since(connection, cursor))

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        revoked = UserRevoked(authid, authrealm, frozenset(keep))
        count, complete = 0, False
        while not complete:
            deleted, complete = self._write(lambda each: self._revoker.revoke(each, revoked))
            count += deleted
        return count

    def close(self) -> None:
        self._closed = True
        self._engine.dispose()

    def _page(self, last: str, authid: str | None, authrealm: str | None) -> Sequence[Any]:
        cookies = self._tables.cookies
        page = select(cookies).where(cookies.c.id > last).order_by(cookies.c.id).limit(_PAGE)
        if authid is not None:
            page = page.where(cookies.c.authid_hash == hash_of(authid))
        if authrealm is not None:
            page = page.where(cookies.c.authrealm == authrealm)
        return self._read(lambda connection: connection.execute(page).all())

    def _trusted(self, row: Sequence[Any]) -> Sequence[Any]:
        """
        The columns of a record that was looked up.

        :raises StoreUnavailable: who answered may not know the last logouts.
        """
        return row

    def _read(self, work: Callable[[Connection], T]) -> T:
        with translated(self._place), self._connection() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Do `work` again where others were in its way: it did nothing then."""
        with translated(self._place):
            for tried in range(_TRIES):
                try:
                    with self._connection() as connection:
                        return work(connection)
                except (Collision, SQLAlchemyError, UnknownOutcome) as error:
                    if not _is_in_the_way(error):
                        raise
                time.sleep(random.uniform(0, 0.001 * 2**tried))
        raise StoreUnavailable(f"{self._place}: other nodes keep changing the same cookies")

    def _connection(self) -> Connection:
        self._check_open()
        return self._engine.connect()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreUnavailable(f"{self._place} is closed")


@implementer(IServerTime)
class ServerStore(SqlStore):
    """The same on a server, whose clock is that of all nodes."""

    def server_time(self) -> int:
        return self._read(time_of)


class MySQLStore(ServerStore):
    """The same on MySQL or MariaDB, where a primary becomes a replica under open connections."""

    def _trusted(self, row: Sequence[Any]) -> Sequence[Any]:
        *columns, read_only = row
        if read_only not in (0, "OFF"):
            raise StoreUnavailable(f"{self._place} is read-only: {STALE}")
        return columns


@implementer(IRevocationSignal)
class PostgreSQLStore(ServerStore):
    """The same, and the database says when something was revoked (LISTEN and NOTIFY)."""

    def __init__(self, engine: Engine, tables: Tables, place: str, timeout: float) -> None:
        super().__init__(engine, tables, place, timeout)
        self._listener = Listener(engine, tables.revoked.name, place)

    def await_revocation(self, seconds: float) -> None:
        self._listener.wait(seconds)

    def interrupt(self) -> None:
        self._listener.interrupt()

    def close(self) -> None:
        self._listener.close()
        super().close()


def _is_in_the_way(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, UnknownOutcome) else error
    return isinstance(cause, Collision) or is_conflict(cause)
