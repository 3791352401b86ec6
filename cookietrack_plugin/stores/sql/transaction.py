"""Transactions, by BEGIN and COMMIT: the engine itself is in autocommit mode."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

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
    connection.exec_driver_sql(begin_statement(connection))


def begin_statement(connection: Connection) -> str:
    """What begins a transaction on this connection, in one round trip."""
    preamble = getattr(connection.connection.driver_connection, "preamble", "")
    return BEGIN[connection.dialect.name] + preamble


def commit(connection: Connection) -> None:
    with committing():
        connection.exec_driver_sql("COMMIT")


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """
    All of the block's statements, or none.

    :raises UnknownOutcome: see there. Any other error: nothing was done.
    """
    with rolling_back(connection):
        begin(connection)
        yield
        commit(connection)


@contextmanager
def rolling_back(connection: Connection) -> Iterator[None]:
    """
    Around what begins a transaction and commits it: after an error nothing was done, unless it is
    `UnknownOutcome`.
    """
    try:
        yield
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
