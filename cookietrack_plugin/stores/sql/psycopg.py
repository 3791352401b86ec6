"""A connection to PostgreSQL that does not wait forever for a server that has gone silent."""

from collections.abc import Sequence
from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import PQGen
from psycopg.errors import error_from_result
from psycopg.generators import execute
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

# psycopg wakes up this often while it waits, in seconds.
_INTERVAL_S = 0.1
_DONE = (ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK)


class SilentServer(psycopg.OperationalError):
    """The server did not answer in time. The connection is closed."""


class BoundedConnection(psycopg.Connection[Any]):
    """
    Closes itself when the server has not answered a statement within `patience` seconds.

    PostgreSQL's own `statement_timeout` needs a server that is running and a network that delivers.
    """

    patience: float | None = None
    #: Whether a pooler is in between: other clients would get what is set in its sessions.
    is_pooled = False
    #: Statements that every transaction begins with.
    preamble = ""

    def use_pooler(self, milliseconds: str) -> None:
        """Bound statements on the server within each transaction, and not for the session."""
        names = ("statement_timeout", "idle_in_transaction_session_timeout")
        self.is_pooled = True
        self.preamble = "".join(f"; SET LOCAL {name} = {milliseconds}" for name in names)

    def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:
        if self.patience is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_until(gen, monotonic() + self.patience), _INTERVAL_S)
        except SilentServer:
            self.close()
            raise

    def ask(self, statement: bytes, *values: bytes) -> PGresult:
        """Execute `statement` with parameters, in the lowest layer of psycopg; its result."""
        with self.lock:
            return self.wait(self._answer(statement, values))

    def _answer(self, statement: bytes, values: Sequence[bytes]) -> PQGen[PGresult]:
        self.pgconn.send_query_params(statement, values)
        result, *_ = yield from execute(self.pgconn)
        if result.status in _DONE:
            return result
        raise error_from_result(result, self.info.encoding)


def _until(gen: PQGen[Any], deadline: float) -> PQGen[Any]:
    """The same steps as `gen`, none of them after the deadline."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and monotonic() >= deadline:
                raise SilentServer("the server does not answer") from TimeoutError()
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value
