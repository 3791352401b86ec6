"""Cookies in PostgreSQL, MySQL, MariaDB or SQLite, over SQLAlchemy: for any number of nodes."""

import logging
import os
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard, TypeVar

from sqlalchemy import URL, Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IReadOnlyProvider,
    IRevocationFeed,
    IRevocationSignal,
)
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.kit.fold import Stored
from cookietrack_plugin.stores.kit.options import check_options, wrong_option
from cookietrack_plugin.stores.sql.batch import Batches, Collision
from cookietrack_plugin.stores.sql.durability import weaknesses
from cookietrack_plugin.stores.sql.engine import make_engine
from cookietrack_plugin.stores.sql.faults import is_conflict, translated
from cookietrack_plugin.stores.sql.feed import Cursor, Revocations
from cookietrack_plugin.stores.sql.listener import Listener
from cookietrack_plugin.stores.sql.schema import prepare_tables, require_tables
from cookietrack_plugin.stores.sql.stat import stat_of
from cookietrack_plugin.stores.sql.statements import make_statements, portions
from cookietrack_plugin.stores.sql.tables import Tables, hash_of, make_tables, record_of
from cookietrack_plugin.stores.sql.transaction import UnknownOutcome, transaction
from cookietrack_plugin.stores.sql.url import is_file, parse_url, shown, under

TABLE = "cookietrack"
TIMEOUT = 5.0
POOL_SIZE = 5

log = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
# How often a transaction is tried in which others get in the way.
_TRIES = 10
# Records of a scan that are in memory at a time.
_PAGE = 500

T = TypeVar("T")


@implementer(ICookieStoreProvider, IReadOnlyProvider)
class SqlProvider:
    """
    `{"type": "sql", "url": "postgresql://user:${NAME}@host/database"}`, with `table`, `timeout`
    (seconds to connect, for a statement, and for a connection of the pool) and `pool_size`.
    """

    summary = "in PostgreSQL, MySQL, MariaDB or SQLite: durable, and shared by any number of nodes"
    volatile = False
    exclusive = False
    place = "url"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(
            options,
            required={"url": str},
            optional={"table": str, "timeout": float, "pool_size": int},
        )
        parse_url(options["url"])
        table = options.get("table", TABLE)
        if not _NAME.fullmatch(table):
            raise wrong_option("table", table, "up to 40 letters, digits or _, no digit first")
        timeout = options.get("timeout", TIMEOUT)
        if not 0.1 <= timeout <= 3600:
            raise wrong_option("timeout", timeout, "a number of seconds from 0.1 to 3600")
        pool_size = options.get("pool_size", POOL_SIZE)
        if not 2 <= pool_size <= 100:
            raise wrong_option("pool_size", pool_size, "an integer from 2 to 100")

    def open(self, options: Mapping[str, Any], node_dir: str) -> "SqlStore":
        return self._open(under(parse_url(options["url"]), node_dir), options, prepare_tables)

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> "SqlStore":
        url = under(parse_url(options["url"]), node_dir)
        # SQLite would make it.
        if is_file(url) and not os.path.exists(str(url.database)):
            raise StoreUnavailable(f"there is no database {shown(url)}")
        return self._open(url, options, require_tables)

    def _open(
        self,
        url: URL,
        options: Mapping[str, Any],
        prepare: Callable[[Connection, Tables, float], None],
    ) -> "SqlStore":
        timeout = options.get("timeout", TIMEOUT)
        engine = make_engine(url, timeout, options.get("pool_size", POOL_SIZE))
        tables = make_tables(options.get("table", TABLE))
        try:
            with translated(shown(url), opening=True), engine.connect() as connection:
                prepare(connection, tables, timeout)
                for weakness in weaknesses(connection):
                    log.warning("%s can lose logins in a power cut: %s", shown(url), weakness)
        except BaseException:
            engine.dispose()
            raise
        store = PostgreSQLStore if engine.dialect.name == "postgresql" else SqlStore
        return store(engine, tables, shown(url))


@implementer(ICookieStore, IRevocationFeed)
class SqlStore:
    """
    Records in one table, revocations in another. Every method opens and closes its own transaction.

    :param place: the database, as people may see it.
    """

    reads_block = True
    commits_block = True

    def __init__(self, engine: Engine, tables: Tables, place: str) -> None:
        self._engine = engine
        self._tables = tables
        self._place = place
        self._statements = make_statements(tables.cookies, engine.dialect.name)
        self._revocations = Revocations(tables, engine.dialect.name == "postgresql")
        self._batches = Batches(self._statements, self._revocations)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        def read(connection: Connection) -> dict[str, Cookie]:
            load = self._statements.load
            pages = [connection.execute(load, portion) for portion in portions(ids)]
            records = (record_of(row) for page in pages for row in page)
            return {record.id: record for record in records if isinstance(record, Cookie)}

        return self._read(read) if ids else {}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
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
            self._revocations.forget(connection)
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
            records = [record_of(row) for row in rows]
            yield from (each for each in records if _is_of(each, authid, authrealm))
            last = rows[-1].id

    def stat(self) -> Mapping[str, Any]:
        return self._read(lambda connection: stat_of(connection, self._tables))

    def revoked_since(self, cursor: Cursor | None) -> tuple[Sequence[str], Cursor]:
        return self._read(lambda connection: self._revocations.since(connection, cursor))

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
        if self._closed:
            raise StoreUnavailable(f"{self._place} is closed")
        return self._engine.connect()


@implementer(IRevocationSignal)
class PostgreSQLStore(SqlStore):
    """The same, and the database says when something was revoked (LISTEN and NOTIFY)."""

    def __init__(self, engine: Engine, tables: Tables, place: str) -> None:
        super().__init__(engine, tables, place)
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


def _is_of(record: Stored, authid: str | None, authrealm: str | None) -> TypeGuard[Cookie]:
    if not isinstance(record, Cookie):
        return False
    found = (record.auth.authid, record.auth.authrealm) if record.auth else (None, None)
    return authid in (None, found[0]) and authrealm in (None, found[1])
