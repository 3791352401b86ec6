"""A Redis store that is looked at: nothing is written, and no right to write is needed."""

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.interfaces import IReadOnlyProvider
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.provider import RedisProvider
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.redises import RedisServer
from tests.support.redis_stores import look_at, new_prefix, open_redis

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server


@pytest.fixture
def item(redis_server: RedisServer) -> dict[str, Any]:
    return {"type": "redis", "url": redis_server.url(), "prefix": new_prefix()}


def test_it_has_the_records_that_are_there(item, redis_server):
    verifyObject(IReadOnlyProvider, RedisProvider())
    store = open_redis(item["url"], prefix=item["prefix"])
    store.commit([Create(make_cookie(1, make_auth())), Create(make_cookie(2))])
    redis_server.client().acl_setuser(
        "reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read"]
    )
    url = f"redis://reader:secret@127.0.0.1:{redis_server.port}"
    looking = look_at({**item, "url": url})
    assert {cookie.id for cookie in records(looking)} == {make_id(1), make_id(2)}
    assert [cookie.id for cookie in records(looking, "joe")] == [make_id(1)]
    assert set(looking.load([make_id(1)])) == {make_id(1)}
    assert looking.stat()["cookies"] == 2
    looking.close()
    store.close()


def test_a_store_that_is_not_there_is_not_made(item, redis_server):
    with pytest.raises(StoreUnavailable, match="there is no cookie store under the key"):
        look_at(item)
    assert redis_server.client().keys(f"*{item['prefix']}*") == []
    # So that a node with other partitions can make it.
    open_redis(item["url"], prefix=item["prefix"], partitions=5).close()


def test_what_is_no_store_or_another_one_is_named(item, redis_server):
    open_redis(item["url"], prefix=item["prefix"], partitions=2).close()
    with pytest.raises(ConfigError, match="partitions"):
        look_at(item)
    meta = f"{{{item['prefix']}}}:meta"
    redis_server.client().hset(meta, "version", "1")
    redis_server.client().hset(meta, "partitions", "1")
    with pytest.raises(StoreUnavailable, match="schema version 1: the next node"):
        look_at(item)
    assert redis_server.client().hget(meta, "version") == b"1"
    redis_server.client().set(meta := f"{{{item['prefix']}x}}:meta", "a shopping list")
    with pytest.raises(StoreCorrupt, match="another program's"):
        look_at({**item, "prefix": f"{item['prefix']}x"})
