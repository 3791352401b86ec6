"""Servers of the benchmarks' own, started as the tests start theirs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from benchmarks.bench import Options


@contextmanager
def postgresql() -> Iterator[tuple[Any, Options]]:
    """A PostgreSQL, and a store on it; it flushes each commit."""
    with _running("PostgreSQL") as server, server.database() as name:
        yield server, {"type": "sql", "url": server.url(name)}


@contextmanager
def redis() -> Iterator[tuple[Any, Options]]:
    """The same for a Redis."""
    with _running("RedisServer") as server:
        yield server, {"type": "redis", "url": server.url()}


@contextmanager
def _running(kind: str) -> Iterator[Any]:
    """:raises RuntimeError: it is not installed."""
    from tests.support import databases, redises, server_process

    try:
        server = (getattr(databases, kind, None) or getattr(redises, kind))()
    except pytest.skip.Exception as error:
        raise RuntimeError(str(error)) from error
    with server_process.running(server):
        yield server
