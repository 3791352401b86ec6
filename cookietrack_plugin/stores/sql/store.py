"""Cookies in PostgreSQL, MySQL, MariaDB or SQLite, over SQLAlchemy: for any number of nodes."""

import logging
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IServerTime,
    IUserRevocation,
)
from cookietrack_plugin.record import Change, Cookie, Create, UserRevoked, is_id, matches
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of
from cookietrack_plugin.stores.kit.unreadable import UnreadableLog
from cookietrack_plugin.stores.sql.batch import Batches, Collision
from cookietrack_plugin.stores.sql.clock import time_of
from cookietrack_plugin.stores.sql.faults import is_conflict, translated
from cookietrack_plugin.stores.sql.feed import Cursor, Feed
from cookietrack_plugin.stores.sql.feedwriter.maker import make_feed_writer
from cookietrack_plugin.stores.sql.fences import Fences
from cookietrack_plugin.stores.sql.reader import RecordReader
from cookietrack_plugin.stores.sql.revocation import UserRevoker
from cookietrack_plugin.stores.sql.role import trusted
from cookietrack_plugin.stores.sql.stat import stat_of
from cookietrack_plugin.stores.sql.statements import make_statements, portions
from cookietrack_plugin.stores.sql.tables import Tables, hash_of
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome, transaction

# How often a transaction is tried that conflicts with others.
_TRIES = 10
# Records that a page has at most: they are in memory at a time.
_MAX_PAGE = 500

log = logging.getLogger(__name__)

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
        self._feed = Feed(tables, dialect.name)
        fences, writer = Fences(tables, dialect), make_feed_writer(tables, dialect)
        self._reader = RecordReader(UnreadableLog(log, place))
        self._batches = Batches(self._statements, self._reader, fences, writer)
        self._revoker = UserRevoker(tables, dialect.name, fences, writer, timeout)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        def read(connection: Connection) -> dict[str, Cookie]:
            load = self._statements.load
            pages = [connection.execute(load, portion) for portion in portions(wanted)]
            rows = (trusted(row) for page in pages for row in page)
            return {record.id: record for record in self._reader.readable(rows)}

        self._check_open()
        wanted = list(filter(is_id, ids))
        return self._read(read) if wanted else {}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        self._check_open()
        # A text that is no id has no record, and must not fail the batch where the database refuses
        # it.
        known = [change for change in changes if is_id(change.id)]
        if any(isinstance(change, Create) and not is_id(change.id) for change in changes):
            raise ValueError("a record whose id is none cannot be stored")
        if not known:
            return [False] * len(changes)
        results = iter(self._write(lambda connection: self._batches.apply(connection, known)))
        return [is_id(change.id) and next(results) for change in changes]

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

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """
        In the order of ids, each page in a transaction of its own. A cursor of the server's would
        hold one transaction open for as long as somebody reads: PostgreSQL could not clean up
        behind it, SQLite's log would grow, and a connection would be missing in the pool.
        """
        last = "" if cursor is None else _id_at(cursor)
        limit = min(limit, _MAX_PAGE)
        rows = self._rows(last, limit, authid, authrealm)
        found = self._reader.readable(rows)
        page = [each for each in found if matches(each.auth, authid, authrealm)]
        # In SQLite a column can have values that are no text; they sort behind all ids.
        ended = len(rows) < limit or not isinstance(rows[-1].id, str)
        return page, None if ended else cursor_of(rows[-1].id.encode())

    def stat(self) -> Mapping[str, Any]:
        return self._read(lambda connection: stat_of(connection, self._tables))

    def revoked_since(self, cursor: Any) -> tuple[Sequence[str | UserRevoked], Cursor]:
        return self._read(lambda connection: self._feed.since(connection, cursor))

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        revoked = UserRevoked(authid, authrealm, frozenset(filter(is_id, keep)))
        count, complete = 0, False
        while not complete:
            deleted, complete = self._revoke_portion(revoked)
            count += deleted
        return count

    def close(self) -> None:
        self._closed = True
        self._engine.dispose()

    def _revoke_portion(self, revoked: UserRevoked, most: int | None = None) -> tuple[int, bool]:
        return self._write(lambda each: self._revoker.revoke(each, revoked, most))

    def _rows(
        self, last: str, limit: int, authid: str | None, authrealm: str | None
    ) -> Sequence[Any]:
        cookies = self._tables.cookies
        page = select(cookies).where(cookies.c.id > last).order_by(cookies.c.id).limit(limit)
        if authid is not None:
            page = page.where(cookies.c.authid_hash == hash_of(authid))
        if authrealm is not None:
            page = page.where(cookies.c.authrealm == authrealm)
        return self._read(lambda connection: connection.execute(page).all())

    def _read(self, work: Callable[[Connection], T]) -> T:
        with translated(self._place), self._connection() as connection:
            return work(connection)

    def _write(self, work: Callable[[Connection], T]) -> T:
        """Do `work`, and retry it after conflicts with other transactions: it did nothing then."""
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


def _id_at(cursor: str) -> str:
    id = place_of(cursor).decode("ascii")
    # PostgreSQL refuses NUL.
    if "\0" in id:
        raise ValueError("no cursor of a page of records")
    return id


def _is_in_the_way(error: Exception) -> bool:
    cause = error.__cause__ if isinstance(error, UnknownOutcome) else error
    return isinstance(cause, Collision) or is_conflict(cause)
