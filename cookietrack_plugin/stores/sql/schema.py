"""The format of the tables: create, migrate, and tell them from those of another program."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import time_ns
from typing import Any
from uuid import uuid4
from zlib import crc32

from sqlalchemy import Column, Connection, Dialect, Table, inspect, select, text
from sqlalchemy.schema import CreateColumn

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.kit.options import wrong_url
from cookietrack_plugin.stores.sql.locks import SLOTS
from cookietrack_plugin.stores.sql.tables import Tables
from cookietrack_plugin.stores.sql.transaction import transaction
from cookietrack_plugin.stores.sql.types import MYSQL

_LEAST = {"postgresql": (12,), "mysql": (8, 0, 2), "mariadb": (10, 6)}
_EXPECTED = "PostgreSQL from 12, MariaDB from 10.6 or MySQL from 8.0.2 on"

Step = Callable[[Connection, Tables], None]


def _create(connection: Connection, tables: Tables) -> None:
    for table in tables.all():
        table.create(connection, checkfirst=True)
        _check_columns(connection, table)
    # The feed's beginning: there is always a last revocation, which a cursor can name.
    beginning = {"number": 0, "id": uuid4().hex, "at": time_ns() // 1_000_000}
    _insert_first(connection, tables.revoked, beginning)
    _insert_first(connection, tables.meta, {"version": 0, "revoked": 0})


def _insert_first(connection: Connection, table: Table, row: dict[str, Any]) -> None:
    """Insert a row into an empty table. MySQL commits each DDL statement: a step may run again."""
    if connection.execute(select(table).limit(1)).first() is None:
        connection.execute(table.insert(), row)


def _add_users(connection: Connection, tables: Tables) -> None:
    """Version 2: users in the feed, and fences."""
    _add_missing_columns(connection, tables.revoked)
    tables.fences.create(connection, checkfirst=True)
    if tables.locks is not None:
        tables.locks.create(connection, checkfirst=True)
        if connection.execute(select(tables.locks).limit(1)).first() is None:
            connection.execute(tables.locks.insert(), [{"slot": slot} for slot in range(SLOTS)])


def _add_time_of_login(connection: Connection, tables: Tables) -> None:
    _add_missing_columns(connection, tables.cookies)


def _add_missing_columns(connection: Connection, table: Table) -> None:
    found = _column_names(connection, table)
    for column in table.columns:
        if column.name not in found:
            _add_column(connection, column)


def _add_column(connection: Connection, column: Column[Any]) -> None:
    table = connection.dialect.identifier_preparer.format_table(column.table)
    definition = CreateColumn(column).compile(dialect=connection.dialect)
    connection.execute(text(f"ALTER TABLE {table} ADD COLUMN {definition}"))


# The step from each version to the next; their number is the newest version.
STEPS: tuple[Step, ...] = (_create, _add_users, _add_time_of_login)


def prepare_tables(connection: Connection, tables: Tables, timeout: float) -> None:
    """
    Make the tables, or bring them to this version. Other openers wait.

    :param timeout: seconds to wait for another opener.
    :raises StoreCorrupt: they are another program's, or of a newer version.
    :raises ConfigError: the database cannot hold what the store has to keep in it.
    """
    _check_database(connection)
    if _version(connection, tables) < len(STEPS):
        with _alone(connection, tables, timeout):
            for number in range(_version(connection, tables), len(STEPS)):
                STEPS[number](connection, tables)
                connection.execute(tables.meta.update().values(version=number + 1))
    for table in tables.all():
        _check_columns(connection, table)


def require_tables(connection: Connection, tables: Tables, timeout: float) -> None:
    """
    Like `prepare_tables`, for opening a store without altering it.

    :raises StoreUnavailable: there are none, or of an older version.
    """
    if _version(connection, tables) < len(STEPS):
        raise StoreUnavailable(
            f'there is no table "{tables.cookies.name}" of this version: a node makes it when it'
            " starts"
        )


def _version(connection: Connection, tables: Tables) -> int:
    """The version of the tables that are there; 0 where there are none."""
    if not inspect(connection).has_table(tables.meta.name):
        return 0
    _check_columns(connection, tables.meta)
    version = connection.execute(select(tables.meta.c.version)).scalar() or 0
    if version > len(STEPS):
        raise StoreCorrupt(
            f'table "{tables.cookies.name}" has format {version}, and {len(STEPS)} is the newest'
            " that is known here: upgrade cookietrack-plugin"
        )
    return version


def _check_columns(connection: Connection, table: Table) -> None:
    missing = sorted(set(table.columns.keys()) - _column_names(connection, table))
    if missing:
        raise StoreCorrupt(
            f'table "{table.name}" is another program\'s (it has no column "{missing[0]}"):'
            ' choose another "table" in the store item'
        )


def _column_names(connection: Connection, table: Table) -> set[str]:
    return {column["name"] for column in inspect(connection).get_columns(table.name)}


@contextmanager
def _alone(connection: Connection, tables: Tables, timeout: float) -> Iterator[None]:
    """A transaction in which no other process prepares these tables."""
    name = f"cookietrack {connection.engine.url.database} {tables.cookies.name}"
    key = crc32(name.encode())
    if connection.dialect.name in MYSQL:
        # DDL statements commit implicitly: only a lock of the session lasts.
        with _user_lock(connection, f"cookietrack-{key}", timeout), transaction(connection):
            yield
        return
    with transaction(connection):
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})
        yield


@contextmanager
def _user_lock(connection: Connection, name: str, timeout: float) -> Iterator[None]:
    parameters = {"name": name, "timeout": max(1, int(timeout) - 1)}
    if connection.execute(text("SELECT GET_LOCK(:name, :timeout)"), parameters).scalar() != 1:
        raise StoreUnavailable("another node is preparing the tables")
    try:
        yield
    finally:
        # With a lost connection the lock is gone as well.
        if not connection.invalidated:
            connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})


def _check_database(connection: Connection) -> None:
    _check_version(connection.dialect)
    if connection.dialect.name == "postgresql":
        encoding = connection.execute(text("SHOW server_encoding")).scalar()
        if encoding != "UTF8":
            raise wrong_url(
                f"a database with the encoding {encoding}",
                "one with UTF8 (CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0)",
            )


def _check_version(dialect: Dialect) -> None:
    """Check that the server is not too old for the statements."""
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    found = getattr(dialect, "server_version_info", None) or ()
    if found < _LEAST.get(name, ()):
        raise wrong_url(f"a server of version {_dotted(found)}", _EXPECTED)


def _dotted(version: tuple[int | str, ...]) -> str:
    return ".".join(map(str, version))
