"""Why PostgreSQL refuses a connection: libpq gives only a text, in the server's language."""

import os
import re
from contextlib import closing, suppress
from select import select
from time import monotonic
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, PollingStatus, Trace
from psycopg.pq.abc import PGconn as Connecting

from cookietrack_plugin.stores.sql.codes import TLS
from cookietrack_plugin.stores.sql.psycopg import BoundedConnection

# Seconds for the second attempt to be refused.
_SECONDS = 2.0
# Parameters that are psycopg's own, and not libpq's.
_OURS = ("prepare_threshold", "autocommit", "context", "row_factory", "cursor_factory")
_REFUSED = re.compile(r'^B\t.*\tErrorResponse\t.*? C "([0-9A-Z]{5})"', re.MULTILINE)
# The last message is the server's answer to the request for TLS: they do not agree about it.
_NO_TLS = re.compile(r"\tSSLResponse\t.*\n\Z")


class Refused(psycopg.OperationalError):
    """The server refused a connection. `sqlstate`: its reason, None where it gave none."""

    def __init__(self, words: str, sqlstate: str | None) -> None:
        super().__init__(words)
        self.sqlstate = sqlstate


def connect(**parameters: Any) -> BoundedConnection:
    """
    A connection.

    :raises Refused: there is none.
    """
    try:
        return BoundedConnection.connect(**parameters)
    except psycopg.errors.ConnectionTimeout:
        raise
    except psycopg.OperationalError as error:
        given = {name: value for name, value in parameters.items() if name not in _OURS}
        raise Refused(str(error), _reason(make_conninfo(**given))) from error


def _reason(conninfo: str) -> str | None:
    """
    Connect a second time, and read the SQLSTATE from libpq's trace (PQtrace). The trace stays in
    memory, as there can be a password in it.
    """
    with suppress(psycopg.Error, AttributeError), closing(_Memory()) as memory:
        connecting = PGconn.connect_start(conninfo.encode())
        with closing(_Traced(connecting, memory)):
            _poll(connecting)
        written = memory.read()
        if refusals := _REFUSED.findall(written):
            return str(refusals[-1])
        return TLS if _NO_TLS.search(written) else None
    return None


class _Memory:
    """An anonymous file in memory (memfd_create(2))."""

    def __init__(self) -> None:
        self.number = os.memfd_create("libpq")

    def read(self) -> str:
        return os.pread(self.number, 2**20, 0).decode(errors="replace")

    def close(self) -> None:
        os.close(self.number)


class _Traced:
    """A connection whose messages libpq traces."""

    def __init__(self, connecting: Connecting, memory: _Memory) -> None:
        self._connecting = connecting
        connecting.trace(memory.number)
        connecting.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS | Trace.REGRESS_MODE)

    def close(self) -> None:
        self._connecting.untrace()
        self._connecting.finish()


def _poll(connecting: Connecting) -> None:
    """Wait until it is connected or refused, for `_SECONDS` at most."""
    deadline = monotonic() + _SECONDS
    wanted = PollingStatus.WRITING
    while wanted in (PollingStatus.READING, PollingStatus.WRITING) and monotonic() < deadline:
        sockets = [connecting.socket]
        reads = wanted == PollingStatus.READING
        select(sockets if reads else [], [] if reads else sockets, [], _SECONDS)
        wanted = PollingStatus(connecting.connect_poll())
