"""The driver beneath SQLAlchemy, for what SQLAlchemy cannot do, or not quickly enough."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from cookietrack_plugin.stores.sql.types import storable

Rows = Sequence[Sequence[Any]]


@contextmanager
def driver_of(connection: Connection) -> Iterator[Any]:
    """
    The driver's own connection.

    :raises DBAPIError: instead of the driver's errors, as from `connection` itself.
    """
    driver: Any = connection.connection.driver_connection
    try:
        yield driver
    except connection.dialect.loaded_dbapi.Error as error:
        raise _as_sqlalchemy(connection, driver, error) from error


def run_script(
    connection: Connection, statements: Sequence[str], values: Sequence[Any] = ()
) -> list[Rows]:
    """
    Execute the statements in one round trip: the rows of each.

    :param values: the value for each `%s` in them, in order. Texts are encoded as a column of
        `UnicodeText` encodes them.
    :raises DBAPIError: one of them failed. Those behind it were not executed.
    """
    with driver_of(connection) as driver, closing(_cursor(connection, driver)) as cursor:
        if connection.dialect.name == "sqlite":
            # Its driver takes one at a time, and there is no server.
            return [_rows(cursor.execute(statement)) for statement in statements]
        cursor.execute("; ".join(statements), [_stored(value) for value in values] or None)
        results = [_rows(cursor)]
        while cursor.nextset():
            results.append(_rows(cursor))
        return results


def _cursor(connection: Connection, driver: Any) -> Any:
    if connection.dialect.name != "postgresql":
        return driver.cursor()
    from psycopg import ClientCursor

    # Interpolates values on the client: the simple query protocol takes no parameters.
    return ClientCursor(driver)


def _stored(value: Any) -> Any:
    return storable(value) if isinstance(value, str) else value


def _rows(cursor: Any) -> Rows:
    return list(cursor.fetchall()) if cursor.description else []


def _as_sqlalchemy(connection: Connection, driver: Any, error: Any) -> Exception:
    """
    The error as SQLAlchemy's. After a lost connection all connections of the pool are replaced, as
    SQLAlchemy does it.
    """
    lost = connection.dialect.is_disconnect(error, driver, None)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    base = connection.dialect.loaded_dbapi.Error
    return DBAPIError.instance(None, None, error, base, True, lost, connection.dialect)
