"""
Statements that PostgreSQL gets past SQLAlchemy and past psycopg's cursors.

A writer shares its interpreter with the reactor. For the statements of most batches it spends most
of its time in these two, on what is the same each time.
"""

from typing import Any

from sqlalchemy import Connection, Insert, Update
from sqlalchemy.dialects.postgresql.base import PGDialect
from sqlalchemy.exc import DBAPIError

_DIALECT = PGDialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


class DirectStatement:
    """
    A statement that is compiled once.

    :param statement: with one parameter, a text.
    """

    def __init__(self, statement: Insert | Update) -> None:
        self._sql = str(statement.compile(dialect=_DIALECT)).encode()

    def execute(self, connection: Connection, value: str) -> Any:
        """
        Its result, as libpq has it (`psycopg.pq.PGresult`).

        :raises DBAPIError: as from `connection` itself.
        """
        driver: Any = connection.connection.driver_connection
        try:
            return driver.ask(self._sql, value.encode())
        except connection.dialect.loaded_dbapi.Error as error:
            raise _as_sqlalchemy(connection, driver, error) from error


def _as_sqlalchemy(connection: Connection, driver: Any, error: Any) -> Exception:
    """The error in SQLAlchemy's words; after a lost connection all are made anew, as it does."""
    lost = connection.dialect.is_disconnect(error, driver, None)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    base = connection.dialect.loaded_dbapi.Error
    return DBAPIError.instance(None, None, error, base, True, lost, connection.dialect)
