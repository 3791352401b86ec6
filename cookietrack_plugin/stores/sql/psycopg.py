"""A connection to PostgreSQL that does not wait for ever for a server that has gone silent."""

from time import monotonic
from typing import Any

import psycopg
from psycopg.abc import PQGen

# psycopg itself wakes up this often while it waits, in seconds.
_INTERVAL = 0.1


class SilentServer(psycopg.OperationalError):
    """The server did not answer in time. The connection is closed."""


class BoundedConnection(psycopg.Connection[Any]):
    """
    Closes itself when the server has not answered a statement within `patience` seconds.

    PostgreSQL's own `statement_timeout` needs a server that is running and a network that delivers.
    """

    patience: float | None = None

    def wait(self, gen: PQGen[Any], *args: Any, **kwargs: Any) -> Any:
        if self.patience is None:
            return super().wait(gen, *args, **kwargs)
        try:
            return super().wait(_until(gen, monotonic() + self.patience), _INTERVAL)
        except SilentServer:
            self.close()
            raise


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
