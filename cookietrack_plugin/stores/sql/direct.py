"""
Statements that bypass SQLAlchemy and psycopg's cursors, for PostgreSQL.

A writer shares its interpreter with the reactor. For most batches it would spend most of its time
in these two, on work that is the same each time.
"""

from typing import Any

from sqlalchemy import Connection, Insert, Update
from sqlalchemy.dialects.postgresql.base import PGDialect

from cookietrack_plugin.stores.sql.driver import driver_of

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
        The result, as libpq has it (`psycopg.pq.PGresult`).

        :raises DBAPIError: as from `connection` itself.
        """
        with driver_of(connection) as driver:
            return driver.ask(self._sql, value.encode())
