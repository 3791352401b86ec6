"""Notifications of PostgreSQL's that there are revocations to be read (LISTEN)."""

import select as system
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from threading import Lock
from time import monotonic
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.sql.faults import translated

# Seconds within which a notification of our own has to arrive before others' are relied on.
_ECHO_S = 0.5
# Seconds without a notification after which the server is asked whether it is still there.
_SILENCE_S = 30.0


class Listener:
    """
    A connection that waits for notifications, made like those of the pool, and not one of them.

    One thread waits; others may interrupt and close.

    :param place: the database, as people may see it.
    """

    def __init__(self, engine: Engine, channel: str, place: str) -> None:
        self._engine = engine
        self._channel = channel
        self._place = place
        self._connection: Connection | None = None
        self._heard = 0.0
        self._stopping = False
        self._closed = False
        self._in_use = Lock()
        # A byte sent into one makes the other readable, for good.
        self._interrupted, self._interrupt = socket.socketpair()

    def wait(self, seconds: float) -> None:
        """
        Wait for a notification since the last call, for `seconds` at most. Returns at once where it
        had to begin to listen, and after `interrupt`.

        :raises StoreUnavailable: the connection was lost, or notifications do not arrive on any.
        """
        with self._in_use, self._answering():
            if self._stopping:
                return
            if self._connection is None:
                self._connection = self._listen()
            elif not self._notifications(self._connection, seconds):
                self._check(self._connection)

    def interrupt(self) -> None:
        """End the wait, and every later one. Idempotent."""
        self._stopping = True
        with suppress(OSError):
            self._interrupt.send(b"\0")

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self.interrupt()
        with self._in_use:
            self._closed = True
            self._drop()
            self._interrupted.close()
            self._interrupt.close()

    def _listen(self) -> Connection:
        connection = self._engine.connect()
        try:
            if _driver(connection).is_pooled:
                raise StoreUnavailable(f"{self._place}: LISTEN does not work through a pooler")
            # It no longer counts among the pool's connections.
            connection.detach()
            name = self._engine.dialect.identifier_preparer.quote_identifier(self._channel)
            connection.exec_driver_sql(f"LISTEN {name}")
            self._check_echo(connection)
        except BaseException:
            _close(connection)
            raise
        return connection

    def _check_echo(self, connection: Connection) -> None:
        """
        Check that a notification of our own arrives: behind a pooler that gives each transaction
        another connection, LISTEN succeeds, and nothing ever arrives.
        """
        call = uuid4().hex
        with self._engine.connect() as other:
            other.execute(select(func.pg_notify(self._channel, call)))
        deadline = monotonic() + _ECHO_S
        while call not in self._notifications(connection, deadline - monotonic()):
            if self._stopping:
                return
            if monotonic() >= deadline:
                raise StoreUnavailable(
                    f"{self._place}: no notification arrives after LISTEN: is a pooler in between?"
                )

    def _notifications(self, connection: Connection, seconds: float) -> list[str]:
        """The notifications that have arrived, or the first that arrive within `seconds`."""
        server = _driver(connection).pgconn
        poll = system.poll()
        poll.register(server.socket, system.POLLIN)
        poll.register(self._interrupted, system.POLLIN)
        ready = [file for file, _ in poll.poll(max(0, ceil(seconds * 1000)))]
        if server.socket in ready:
            self._heard = monotonic()
            server.consume_input()
        return [each.extra.decode() for each in iter(server.notifies, None)]

    def _check(self, connection: Connection) -> None:
        """Use a connection that is idle: a firewall may have dropped it, or may drop it soon."""
        if monotonic() - self._heard > _SILENCE_S:
            connection.exec_driver_sql("SELECT 1")
            self._heard = monotonic()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable(f"{self._place} is closed")
        try:
            with translated(self._place):
                yield
        except self._engine.dialect.loaded_dbapi.Error as error:
            self._drop()
            raise StoreUnavailable(f"{self._place} no longer notifies: {error}") from error
        except BaseException:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._connection is not None:
            _close(self._connection)
            self._connection = None


def _driver(connection: Connection) -> Any:
    """psycopg's own connection."""
    return connection.connection.dbapi_connection


def _close(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.close()
