"""A Redis server that has no room left: nobody new gets in, and everybody can be let go."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.record import Authenticate, Change, Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.process import running
from servers.redises import RedisServer, has_replica
from tests.support.node import wait_for
from tests.support.redis_stores import new_prefix, open_redis

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

NUMBERS = range(20)
IDS = [make_id(number) for number in NUMBERS]


def full(server: RedisServer) -> AbstractContextManager[None]:
    return server.configured("maxmemory", "1")


@pytest.fixture(params=[1, 3])
def store(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Any]:
    """With twenty logins, in one partition and in several."""
    store = open_redis(redis_server.url(), prefix=new_prefix(), partitions=request.param)
    store.commit([Create(make_cookie(number, make_auth())) for number in NUMBERS])
    yield store
    store.close()


def test_logins_can_be_ended_one_by_one_and_all_nodes_learn_of_it(store, redis_server):
    _, position = store.revoked_since(None)
    with full(redis_server):
        assert [store.commit([Delete(id)]) for id in IDS] == [[True]] * 20
        assert store.load(IDS) == {}
        assert list(records(store, "joe")) == []
        assert sorted(store.revoked_since(position)[0]) == sorted(IDS)


def test_logins_can_be_ended_at_once_and_again(store, redis_server):
    with full(redis_server):
        assert store.commit([Delete(id) for id in IDS]) == [True] * 20
        assert store.commit([Delete(id) for id in IDS]) == [False] * 20


def test_what_has_expired_is_deleted(store, redis_server):
    with full(redis_server):
        expires = make_cookie().expires
        assert store.expire(expires, 100) == 20
    assert store.stat()["cookies"] == 0


@pytest.mark.parametrize(
    "change",
    [
        Create(make_cookie(100)),
        Authenticate(make_id(1), make_auth("ann"), NOW),
        make_touch(1),
    ],
    ids=["create", "login", "touch"],
)
def test_a_batch_that_needs_room_is_refused_whole(change: Change, store, redis_server):
    """In each partition: a new record must not come in behind somebody's logout."""
    id = change.cookie.id if isinstance(change, Create) else change.id
    before = store.load([*IDS, id])
    with full(redis_server):
        for changes in ([change], [Delete(make_id(2)), change], [change, Delete(make_id(2))]):
            with pytest.raises(StoreFull, match="has no room"):
                store.commit(changes)
            assert store.load([id]) == {key: before[key] for key in [id] if key in before}


def test_replicas_are_waited_for_all_the_same():
    with running(RedisServer("--min-replicas-to-write", "1")) as master:
        with running(RedisServer("--replicaof", f"127.0.0.1 {master.port}")) as replica:
            wait_for(lambda: has_replica(master), "a replica")
            store = open_redis(master.url(), replicas=1)
            store.commit([Create(make_cookie(1))])
            with full(master):
                assert store.commit([Delete(make_id(1))]) == [True]
                assert not replica.client().keys("*:cookie:*")
        with pytest.raises(StoreUnavailable, match=r"NOREPLICAS|to have the commit, found 0"):
            store.commit([Delete(make_id(1))])
        store.close()
