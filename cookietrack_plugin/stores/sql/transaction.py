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
    """The server did not answer a COMMIT: whether it has committed is not known."""


def begin(connection: Connection) -> None:
    connection.exec_driver_sql(begin_statement(connection))


def begin_statement(connection: Connection) -> str:
    """The statements that begin a transaction on this connection, for one round trip."""
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
    Roll back after an error in the block, which begins a transaction and commits it: then nothing
    was done, unless the error is `UnknownOutcome`.
    """
    try:
        yield
    except BaseException:
        _roll_back(connection)
        raise


@contextmanager
def committing() -> Iterator[None]:
    """Raise `UnknownOutcome` if the connection is lost in the block, whose statement commits."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated:
            raise UnknownOutcome from error
        raise


def _roll_back(connection: Connection) -> None:
    """Return no open transaction to the pool; close the connection where it cannot be ended."""
    if connection.invalidated:
        return
    try:
        connection.exec_driver_sql("ROLLBACK")
    except SQLAlchemyError:
        with suppress(SQLAlchemyError):
            connection.invalidate()
