"""Transactions, by BEGIN and COMMIT: the engine itself is in autocommit mode."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

T = TypeVar("T")

BEGIN = {
    "postgresql": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "mysql": "START TRANSACTION",
    "mariadb": "START TRANSACTION",
    # Locks the file against other writers now, before anything is read.
    "sqlite": "BEGIN IMMEDIATE",
}


class UnknownOutcome(Exception):
    """The server was asked to commit, and did not answer: whether it did, nobody can say."""


def begin(connection: Connection) -> None:
    connection.exec_driver_sql(BEGIN[connection.dialect.name])


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """
    All of the block's statements, or none.

    :raises UnknownOutcome: see there. Any other error: nothing was done.
    """
    with transaction_begun_by(begin, connection):
        yield


@contextmanager
def transaction_begun_by(begin: Callable[[Connection], T], connection: Connection) -> Iterator[T]:
    """
    The same. `begin` begins the transaction, and may do more in the same round trip: the block gets
    what it returns.
    """
    try:
        yield begin(connection)
        with committing():
            connection.exec_driver_sql("COMMIT")
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def committing() -> Iterator[None]:
    """Around a statement that commits."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnknownOutcome from error
        raise


def _roll_back(connection: Connection) -> None:
    """Leave no transaction behind in the pool, if need be without the connection."""
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        with suppress(SQLAlchemyError):
            connection.invalidate()
