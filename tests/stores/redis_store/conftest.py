"""
What the tests of the Redis store share: a new store on a real server, of each topology.

The servers are fixtures of `tests.support.servers`, for which a test module asks itself.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from cookietrack_plugin.stores.redis.store import RedisStore
from tests.support.redis_stores import new_prefix, open_redis

# The fixture of the server, and the number of partitions.
TOPOLOGIES = [
    pytest.param(("redis_server", 1), id="server"),
    pytest.param(("redis_server", 3), id="server-partitions"),
    pytest.param(("redis_cluster", 1), id="cluster"),
    pytest.param(("redis_cluster", 7), id="cluster-partitions"),
]


@pytest.fixture(params=TOPOLOGIES)
def options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of a new store."""
    name, partitions = request.param
    url = request.getfixturevalue(name).url()
    return {"url": url, "prefix": new_prefix(), "partitions": partitions}


@pytest.fixture
def store(options: dict[str, Any]) -> Iterator[RedisStore]:
    store = open_redis(**options)
    yield store
    store.close()


@pytest.fixture
def other(options: dict[str, Any], store: RedisStore) -> Iterator[RedisStore]:
    """The same store, as another node has it."""
    other = open_redis(**options)
    yield other
    other.close()
