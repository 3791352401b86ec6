"""The store type `sql`: its configuration, and how it is opened."""

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import URL, Connection
from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IReadOnlyProvider,
    IRecognizer,
)
from cookietrack_plugin.stores.kit.options import Number, Option, Options, Text, timeout_option
from cookietrack_plugin.stores.sql.durability import durability_warnings
from cookietrack_plugin.stores.sql.engine import make_engine
from cookietrack_plugin.stores.sql.faults import translated
from cookietrack_plugin.stores.sql.schema import prepare_tables, require_tables
from cookietrack_plugin.stores.sql.sqlite import SQLiteStore
from cookietrack_plugin.stores.sql.store import ServerStore, SqlStore
from cookietrack_plugin.stores.sql.tables import Tables, make_tables
from cookietrack_plugin.stores.sql.url import is_file, parse_url, shown, under

log = logging.getLogger(__name__)

# The format of SQLite's files, section 1.3.
_SQLITE_HEAD = b"SQLite format 3\0"
OPTIONS = Options(
    url=Option("where the database is, as SQLAlchemy writes it"),
    table=Text(
        "the name of its table",
        default="cookietrack",
        pattern=re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}"),
        described="up to 40 letters, digits or _, no digit first",
    ),
    timeout=timeout_option("seconds to connect, for a statement, and for a connection of the pool"),
    pool_size=Number("the most connections of one worker", default=5, low=2, high=100),
)


@implementer(ICookieStoreProvider, IReadOnlyProvider, IRecognizer)
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
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)
        parse_url(options["url"])

    def open(self, options: Mapping[str, Any], node_dir: str) -> "SqlStore":
        return self._open(under(parse_url(options["url"]), node_dir), options, prepare_tables)

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> "SqlStore":
        url = under(parse_url(options["url"]), node_dir)
        # SQLite would make it.
        if is_file(url) and not os.path.exists(str(url.database)):
            raise StoreUnavailable(f"there is no database {shown(url)}")
        return self._open(url, options, require_tables)

    def recognize(self, path: str) -> str | None:
        if not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            is_sqlite = file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD
        return f"sqlite:///{path}" if is_sqlite else None

    def _open(
        self,
        url: URL,
        options: Mapping[str, Any],
        prepare: Callable[[Connection, Tables, float], None],
    ) -> "SqlStore":
        timeout = self.options.value(options, "timeout")
        engine = make_engine(url, timeout, self.options.value(options, "pool_size"))
        tables = make_tables(self.options.value(options, "table"), engine.dialect.name)
        try:
            with translated(shown(url), opening=True), engine.connect() as connection:
                prepare(connection, tables, timeout)
                for warning in durability_warnings(connection):
                    log.warning("%s can lose logins in a power cut: %s", shown(url), warning)
        except BaseException:
            engine.dispose()
            raise
        return _store_type(engine.dialect.name)(engine, tables, shown(url), timeout)


def _store_type(dialect: str) -> type[SqlStore]:
    if dialect == "postgresql":
        # Its driver need not be installed.
        from cookietrack_plugin.stores.sql.postgresql.store import PostgreSQLStore

        return PostgreSQLStore
    return SQLiteStore if dialect == "sqlite" else ServerStore
