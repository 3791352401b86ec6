"""Transactions, in so many words: the engine itself is in autocommit mode."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

_BEGIN = {
    "postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "mysql": "START TRANSACTION",
    "mariadb": "START TRANSACTION",
    # Locks the file against other writers now, before anything is read.
    "sqlite": "BEGIN IMMEDIATE",
}


class UnknownOutcome(Exception):
    """COMMIT failed (see the cause): whether the transaction is in the database nobody can say."""


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """
    All of the block's statements, or none.

    :raises UnknownOutcome: see there. Any other error: nothing was done.
    """
    try:
        connection.exec_driver_sql(_BEGIN[connection.dialect.name])
        yield
    except BaseException:
        _roll_back(connection)
        raise
    try:
        connection.exec_driver_sql("COMMIT")
    except SQLAlchemyError as error:
        _roll_back(connection)
        raise UnknownOutcome from error


def _roll_back(connection: Connection) -> None:
    """Leave no transaction behind in the pool, if need be without the connection."""
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        with suppress(SQLAlchemyError):
            connection.invalidate()
