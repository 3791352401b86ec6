"""Redis stores on real servers, of each topology that a store treats in its own way."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest

from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.provider import RedisProvider
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.stores.redis.url import parse_url

# The fixture of the server, and the number of partitions.
TOPOLOGIES = [
    pytest.param(("redis_server", 1), id="server"),
    pytest.param(("redis_server", 3), id="server-partitions"),
    pytest.param(("redis_cluster", 1), id="cluster"),
    pytest.param(("redis_cluster", 7), id="cluster-partitions"),
]


def options_for(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The options of a new store, for a fixture that has `TOPOLOGIES` as its parameters."""
    name, partitions = request.param
    url = request.getfixturevalue(name).url()
    return {"url": url, "prefix": new_prefix(), "partitions": partitions}


def open_redis(url: str, node_dir: object = ".", **options: Any) -> RedisStore:
    provider = RedisProvider()
    item = {"type": "redis", "url": url, **options}
    provider.check(item)
    return provider.open(item, str(node_dir))


def new_prefix() -> str:
    """Its own for each test: they share the servers."""
    return f"test-{uuid4().hex[:12]}"


def run_command(url: str, *command: Any) -> Any:
    """The answer of the server to a command that no store gives it."""
    client = Client(parse_url(url), ".", timeout=5)
    answer = client.run([command])[0]
    client.close()
    return answer


def keys_of(store: RedisStore, pattern: str = "*") -> list[bytes]:
    """The keys of all partitions that have this behind their tag."""
    tags = [each.tag for each in store._layout.partitions]
    masters: Sequence[Any] = store._client.masters()
    return [
        key for master in masters for tag in tags for key in master.keys(f"{{{tag}}}:{pattern}")
    ]
