"""Look-ups are answered by a master alone: another server may not know of the last logouts."""

from collections.abc import Iterator
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.process import running
from servers.redises import RedisServer
from tests.support.node import wait_for
from tests.support.redis_stores import open_redis
from tests.support.silence import answers

pytestmark = pytest.mark.server

NUMBERS = range(2500)
IDS = [make_id(number) for number in NUMBERS]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running(RedisServer()) as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[Any]:
    store = open_redis(server.url())
    store.commit([Create(make_cookie(1, make_auth()))])
    yield store
    store.close()


def test_a_demoted_master_lets_nobody_in(store, server):
    """Somebody has logged out at the new one, and what it is told of that does not arrive."""
    _, since = store.revoked_since(None)
    with running(RedisServer()) as master:
        master.kill()
        server.client().replicaof("127.0.0.1", master.port)
        for call in (
            lambda: store.load([make_id(1)]),
            lambda: store.load([make_id(1), make_id(2)]),
            lambda: store.revoked_since(None),
            lambda: store.revoked_since(since),
        ):
            with pytest.raises(StoreUnavailable, match="read only replica"):
                call()
        with pytest.raises(StoreUnavailable, match="read only replica"):
            list(records(store, "joe"))
    server.client().replicaof("no", "one")
    wait_for(lambda: answers(store), "it is a master again")
    assert set(store.load([make_id(1)])) == {make_id(1)}


def test_a_master_without_the_replicas_that_it_needs_lets_nobody_in(store, server):
    with (
        server.configured("min-replicas-to-write", "1"),
        pytest.raises(StoreUnavailable, match="takes no writes: NOREPLICAS"),
    ):
        store.load([make_id(1)])
    assert set(store.load([make_id(1)])) == {make_id(1)}


def test_a_full_master_says_who_is_logged_in(store, server):
    server.client().config_set("maxmemory", 1)
    assert set(store.load([make_id(1)])) == {make_id(1)}


def test_a_master_whose_disk_is_at_fault_says_who_is_logged_in(store, server):
    client = server.client()
    _, since = store.revoked_since(None)
    client.config_set("save", "3600 1")
    server.folder.chmod(0o500)
    try:
        client.bgsave()
        wait_for(lambda: client.info()["rdb_last_bgsave_status"] == "err", "it cannot save")
        with pytest.raises(StoreUnavailable, match="takes no writes: MISCONF"):
            store.commit([Delete(make_id(1))])
        assert set(store.load([make_id(1)])) == {make_id(1)}
        assert set(store.load([make_id(1), make_id(2)])) == {make_id(1)}
        assert store.revoked_since(since) == ([], since)
    finally:
        server.folder.chmod(0o700)


def test_any_number_of_records_is_looked_up(store):
    for start in range(0, len(IDS), 1000):
        store.commit([Create(make_cookie(number)) for number in NUMBERS[start : start + 1000]])
    assert set(store.load([*IDS, make_id(5000)])) == set(IDS)
