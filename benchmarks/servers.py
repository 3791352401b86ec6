"""Servers of the benchmarks' own, as the tests have them."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.bench import Options
from servers.databases import MariaDB, PostgreSQL
from servers.process import running
from servers.redises import RedisServer


@contextmanager
def postgresql() -> Iterator[tuple[PostgreSQL, Options]]:
    """
    A PostgreSQL, and a store on it; it flushes each commit.

    :raises NotInstalled: there is none on this machine.
    """
    with running(PostgreSQL()) as server, server.database() as name:
        yield server, {"type": "sql", "url": server.url(name)}


@contextmanager
def mariadb() -> Iterator[tuple[MariaDB, Options]]:
    """The same for a MariaDB."""
    with running(MariaDB()) as server, server.database() as name:
        yield server, {"type": "sql", "url": server.url(name)}


@contextmanager
def redis() -> Iterator[tuple[RedisServer, Options]]:
    """The same for a Redis."""
    with running(RedisServer()) as server:
        yield server, {"type": "redis", "url": server.url()}
