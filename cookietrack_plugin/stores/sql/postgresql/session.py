"""A non-blocking connection to PostgreSQL: one message and its answers at a time."""

import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from time import monotonic
from typing import Any

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from cookietrack_plugin.errors import StoreUnavailable

# The longest message, in bytes. The rest of a longer one would wait for the reactor's next call.
MAX_BYTES = 2**17
# Seconds after which it is replaced, before a firewall drops it; and the same for an idle one.
_RECYCLE_S = 1800.0
_IDLE_S = 240.0
# Seconds between two tries to connect.
_AGAIN_S = 5.0
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class Session:
    """
    Not connected at first: `connect` is called on a thread that may wait, `is_ready`, `sent` and
    `receive` on the reactor's, `close` on either. After any error there is no connection.

    :param timeout: seconds that an answer may take.
    """

    def __init__(self, engine: Engine, timeout: float) -> None:
        self._engine = engine
        self._timeout = timeout
        self._driver: Any = None
        # Kept, as SQLAlchemy closes it when nobody refers to it.
        self._detached: Any = None
        self._connected = self._used = self._failed = -_RECYCLE_S
        self._results: list[PGresult] = []
        self._is_closed = False

    def connect(self) -> None:
        """Connect, unless it is connected, closed, or was refused a moment ago."""
        if self._driver is not None or self._is_closed or monotonic() - self._failed < _AGAIN_S:
            return
        try:
            connection = self._engine.raw_connection()
        except (SQLAlchemyError, StoreUnavailable):
            self._failed = monotonic()
            return
        driver: Any = connection.driver_connection
        # It no longer counts among the pool's connections.
        connection.detach()
        _make_room(driver.pgconn)
        self._connected = self._used = monotonic()
        self._detached, self._driver = connection, driver
        if self._is_closed:
            self.close()

    def is_ready(self) -> bool:
        """Whether it can send. A connection that may be dead is closed: a thread connects again."""
        driver, now = self._driver, monotonic()
        if driver is None:
            return False
        if now - self._used > _IDLE_S or now - self._connected > _RECYCLE_S:
            self._drop()
        return self._driver is not None

    @property
    def connection(self) -> PGconn:
        """What libpq has."""
        connection: PGconn = self._driver.pgconn
        return connection

    @property
    def preamble(self) -> str:
        """See `BoundedConnection.preamble`."""
        return str(self._driver.preamble)

    def sent(self) -> None:
        """Send what was given to libpq."""
        self._results = []
        self._used = monotonic()
        self.connection.flush()

    def fileno(self) -> int:
        return int(self.connection.socket)

    def receive(self) -> Sequence[PGresult] | None:
        """
        The results of what was sent; None as long as one is missing.

        :raises DBAPIError: a statement failed, or the connection is lost.
        :raises StoreUnavailable: the answer takes too long.
        """
        try:
            if self._driver is None:
                raise psycopg.OperationalError("the connection is closed")
            if not self._has_all(self.connection):
                self._check_patience()
                return None
        except psycopg.Error as error:
            is_lost = self._is_lost()
            self._drop()
            raise DBAPIError.instance(None, None, error, psycopg.Error, True, is_lost) from error
        self._used = monotonic()
        return self._results

    def close(self) -> None:
        """Idempotent."""
        self._is_closed = True
        self._drop()

    def _has_all(self, connection: PGconn) -> bool:
        connection.flush()
        connection.consume_input()
        while not connection.is_busy():
            result = connection.get_result()
            if result is None:
                return self._ended(connection)
            self._results.append(result)
        return False

    def _ended(self, connection: PGconn) -> bool:
        """Check all results, once they are there: each is a success, and no transaction is open."""
        for result in self._results:
            if result.status not in _DONE:
                raise error_from_result(result)
        if connection.transaction_status != TransactionStatus.IDLE:
            raise psycopg.OperationalError("the connection is lost")
        return True

    def _is_lost(self) -> bool:
        """Whether it ended before all results were there, and not by one of them."""
        if self._driver is None:
            return True
        status = self.connection.transaction_status
        return status in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN)

    def _check_patience(self) -> None:
        if monotonic() - self._used > self._timeout:
            raise psycopg.OperationalError("the server does not answer")

    def _drop(self) -> None:
        driver, self._driver, self._detached = self._driver, None, None
        if driver is not None:
            with suppress(psycopg.Error):
                driver.close()


def _make_room(connection: PGconn) -> None:
    """Make the kernel's send buffer large enough for the longest message."""
    with closing(socket.socket(fileno=socket.dup(connection.socket))) as duplicate:
        duplicate.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_BYTES)
