"""A server that throws away what it was given: refused, and not relied on if it does so later."""

from collections.abc import Iterator

import pytest

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.record import Create, Delete, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.redis.store import RedisStore
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.process import running
from servers.redises import RedisServer
from tests.support.node import wait_for
from tests.support.redis_stores import JOE, login, look_at, open_redis, position

pytestmark = pytest.mark.server

POLICIES = [
    f"{which}-{how}" for which in ("volatile", "allkeys") for how in ("lru", "lfu", "random")
] + ["volatile-ttl"]
LIMIT = "200mb"
COUNT = 1500


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running(RedisServer()) as server:
        yield server


@pytest.fixture(params=[1, 3])
def store(request: pytest.FixtureRequest, server: RedisServer) -> Iterator[RedisStore]:
    store = open_redis(server.url(), partitions=request.param)
    yield store
    store.close()


def fill(store: RedisStore) -> None:
    """Logins of two users."""
    for start in range(0, COUNT, 500):
        numbers = range(start, start + 500)
        store.commit([Create(make_cookie(n, make_auth(("joe", "mary")[n % 2]))) for n in numbers])


def evict(server: RedisServer) -> None:
    """Have a key thrown away for want of memory; the store has none yet with a time to live."""
    client = server.client()
    client.config_set("maxmemory-policy", "volatile-ttl")
    client.set("shopping-list", b"x" * 1_000_000, ex=10)
    client.config_set("maxmemory", client.info("memory")["used_memory"] - 100_000)
    client.set("more", b"x" * 1000)
    wait_for(lambda: not client.exists("shopping-list"), "it is evicted")
    client.delete("more")
    client.config_set("maxmemory", LIMIT)


def lose_index(server: RedisServer) -> None:
    """As if the index of a user had been the key."""
    client = server.client()
    assert client.delete(*client.keys("*:user:*"))


@pytest.mark.parametrize("policy", POLICIES)
def test_a_server_that_evicts_is_refused(policy, server, caplog):
    client = server.client()
    client.config_set("maxmemory-policy", policy)
    # Without a limit it throws away nothing.
    open_redis(server.url()).close()
    client.config_set("maxmemory", LIMIT)
    with pytest.raises(
        ConfigError, match=f"set its maxmemory-policy to noeviction, found .*{policy}"
    ):
        open_redis(server.url())
    looking = look_at({"url": server.url()})
    assert list(records(looking)) == []
    assert f"maxmemory-policy is {policy}: logins are evicted" in caplog.text
    looking.close()
    client.config_set("maxmemory-policy", "noeviction")
    open_redis(server.url()).close()


@pytest.mark.parametrize("later", ["goes on", "is set right"])
def test_users_are_found_although_their_index_was_evicted(later, store, server, caplog):
    since = position(store)
    evict(server)
    fill(store)
    lose_index(server)
    if later == "is set right":
        server.client().config_set("maxmemory-policy", "noeviction")
    assert len(list(records(store, "joe"))) == COUNT // 2
    assert store.revoke_user(*JOE, keep=[make_id(0)]) == COUNT // 2 - 1
    assert store.revoke_user("joe", None) == 1
    assert list(records(store, "joe")) == []
    assert len(list(records(store, "mary"))) == COUNT // 2
    store.commit([Create(make_cookie(9000))])
    assert store.commit([login(9000, since)]) == [False]
    told = store.revoked_since(since)[0]
    assert told == [UserRevoked(*JOE, frozenset([make_id(0)])), UserRevoked("joe", None)]
    warnings = [each.getMessage() for each in caplog.records if "evicts logins" in each.message]
    assert len(warnings) == 1
    assert "set it to noeviction" in warnings[0]


def test_a_walk_that_began_on_an_index_does_not_end_without_it(store, server):
    fill(store)
    _, cursor = store.page(None, 10, "joe")
    server.client().config_set("maxmemory-policy", "volatile-lru")
    server.client().config_set("maxmemory", LIMIT)
    with pytest.raises(StoreUnavailable, match="begin the walk again"):
        store.page(cursor, 10, "joe")
    assert len(list(records(store, "joe"))) == COUNT // 2


def test_any_key_may_have_been_evicted(store, server):
    fill(store)
    server.client().config_set("maxmemory-policy", "allkeys-lru")
    server.client().config_set("maxmemory", LIMIT)
    client = server.client()
    client.delete(*client.keys("*:user:*"), *client.keys("*:expiry"), *client.keys("*:realms"))
    assert store.revoke_user("joe", None) == COUNT // 2
    assert store.revoke_user(None, None) == COUNT // 2


def test_the_sweep_tells_that_a_server_evicts(store, server, caplog):
    store.expire(0, 1)
    assert caplog.text == ""
    server.client().config_set("maxmemory-policy", "volatile-lru")
    server.client().config_set("maxmemory", LIMIT)
    store.expire(0, 1)
    store.expire(0, 1)
    assert caplog.text.count("evicts logins when its memory is full") == 1
    assert "volatile-lru" in caplog.text
    server.client().config_set("maxmemory-policy", "noeviction")
    store.expire(0, 1)
    server.client().config_set("maxmemory-policy", "allkeys-lru")
    store.expire(0, 1)
    assert caplog.text.count("evicts logins when its memory is full") == 2


def test_who_may_not_ask_relies_on_what_was_set_up(store, server):
    fill(store)
    rights = {"enabled": True, "passwords": ["+secret"], "categories": ["+@all"]}
    server.client().acl_setuser("mary", keys=["*"], commands=["-info"], **rights)
    partitions = len(store._layout.partitions)
    mary = open_redis(f"redis://mary:secret@127.0.0.1:{server.port}", partitions=partitions)
    assert mary.revoke_user(*JOE) == COUNT // 2
    assert mary.commit([Delete(make_id(1))]) == [True]
    mary.close()
