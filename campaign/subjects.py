"""Stores on servers of the campaign's own, each with tables or keys of its own for a round."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from campaign.trial import Subject
from servers.databases import Database, MariaDB, PostgreSQL
from servers.process import running
from servers.redises import RedisCluster, RedisServer

# Seconds for which a store waits for its server.
_TIMEOUT_S = 2.0
# PostgreSQL looks for deadlocks after a second: two in a row are all that a store waits for.
_FOUND_SOON = "deadlock_timeout=50ms"


def named(choice: random.Random) -> str:
    """Of a round's own tables or keys."""
    return f"c{choice.getrandbits(60):x}"


@contextmanager
def database(server: Database) -> Iterator[Subject]:
    """A store in a database of `server`, which is started and ended."""
    with running(server):
        # It goes with the server, which a trial may have killed.
        server.execute("CREATE DATABASE campaign")
        url = server.url("campaign")
        yield Subject(
            lambda choice: {
                "type": "sql",
                "url": url,
                "table": named(choice),
                "timeout": _TIMEOUT_S,
            },
            server,
        )


def redis_options(url: str, **options: Any) -> Callable[[random.Random], dict[str, Any]]:
    item = {"type": "redis", "url": url, "timeout": _TIMEOUT_S, **options}
    return lambda choice: {**item, "prefix": named(choice)}


@contextmanager
def redis() -> Iterator[Subject]:
    with running(RedisServer()) as server:
        yield Subject(redis_options(server.url()), server)


@contextmanager
def redis_cluster() -> Iterator[Subject]:
    with running(RedisCluster()) as cluster:
        makers = [redis_options(cluster.url(), partitions=number) for number in (1, 3)]
        yield Subject(lambda choice: choice.choice(makers)(choice), cluster)


SERVERS: Mapping[str, Callable[[], AbstractContextManager[Subject]]] = {
    "postgresql": lambda: database(PostgreSQL(_FOUND_SOON)),
    "mariadb": lambda: database(MariaDB()),
    "redis": redis,
}
