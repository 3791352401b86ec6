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
from cookietrack_plugin.stores.kit.options import check_options, timeout_of, wrong_option
from cookietrack_plugin.stores.sql.durability import durability_warnings
from cookietrack_plugin.stores.sql.engine import make_engine
from cookietrack_plugin.stores.sql.faults import translated
from cookietrack_plugin.stores.sql.schema import prepare_tables, require_tables
from cookietrack_plugin.stores.sql.sqlite import SQLiteStore
from cookietrack_plugin.stores.sql.store import ServerStore, SqlStore
from cookietrack_plugin.stores.sql.tables import Tables, make_tables
from cookietrack_plugin.stores.sql.url import is_file, parse_url, shown, under

TABLE = "cookietrack"
POOL_SIZE = 5

log = logging.getLogger(__name__)

# The format of SQLite's files, section 1.3.
_SQLITE_HEAD = b"SQLite format 3\0"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")


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
        timeout_of(options)
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
        timeout = timeout_of(options)
        engine = make_engine(url, timeout, options.get("pool_size", POOL_SIZE))
        tables = make_tables(options.get("table", TABLE), engine.dialect.name)
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
