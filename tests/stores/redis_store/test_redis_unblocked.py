"""Commits and look-ups without threads: what becomes of them when something goes wrong."""

import time
from collections.abc import Iterator, Mapping, Sequence
from select import select
from threading import Event, Thread
from typing import Any

import pytest

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import INonBlockingCommit, INonBlockingLoad
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Delete
from cookietrack_plugin.stores.redis import conversation
from cookietrack_plugin.testing.samples import NOW, make_auth, make_cookie, make_id, make_touch
from servers.databases import PASSWORD
from servers.process import running
from servers.redises import (
    RedisCluster,
    RedisSentinel,
    RedisServer,
    TlsRedisServer,
    has_replica,
    quoted,
)
from tests.support.node import wait_for
from tests.support.redis_stores import JOE, login, new_prefix, open_redis, position

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.server

PATIENCE_S = 30


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with running(RedisServer()) as server:
        yield server


@pytest.fixture
def store(server: RedisServer) -> Iterator[Any]:
    """One that is connected, and has record 0."""
    store = connected(server.url(), timeout=2)
    yield store
    store.close()


def connected(url: str, **options: Any) -> Any:
    store: Any = open_redis(url, **options)
    assert store.begin([Delete(make_id(0))]) is False
    assert store.begin_load([make_id(0)]) is False
    store.commit([Create(make_cookie(0, make_auth()))])
    store.load([make_id(0)])
    return store


def until_known(fileno: Any, finish: Any) -> Any:
    """What the reactor does: it looks when there is something to read, and every second."""
    deadline = time.monotonic() + PATIENCE_S
    while (result := finish()) is None:
        assert time.monotonic() < deadline
        select([fileno()], [], [], 1)
    return result


def commit(store: Any, changes: Sequence[Change]) -> Sequence[bool]:
    assert store.begin(changes)
    applied: Sequence[bool] = until_known(store.fileno, store.finish)
    return applied


def load(store: Any, *numbers: int) -> Mapping[str, Cookie]:
    assert store.begin_load([make_id(number) for number in numbers])
    found: Mapping[str, Cookie] = until_known(store.load_fileno, store.finish_load)
    return found


def test_who_can_do_it(server, redis_cluster: RedisCluster, tmp_path):
    """A socket too; TLS has bytes of its own on the connection, and a cluster has many of them."""
    socket = f"unix://:{quoted(PASSWORD)}@{server.socket}"
    with running(TlsRedisServer()) as tls:
        secure = f"rediss://:{quoted(PASSWORD)}@127.0.0.1:{tls.tls_port}"
        for url, can in (
            (server.url(), True),
            (socket, True),
            (f"{secure}?ssl_ca_certs={tls.certificate}", False),
            (redis_cluster.url(), False),
        ):
            store = open_redis(url, prefix=new_prefix())
            assert INonBlockingCommit.providedBy(store) == can
            assert INonBlockingLoad.providedBy(store) == can
            store.close()
    store = connected(socket, prefix=new_prefix())
    assert commit(store, [Create(make_cookie(1))]) == [True]
    assert set(load(store, 0, 1)) == {make_id(0), make_id(1)}
    store.close()


def test_no_thread_takes_part(store, monkeypatch):
    monkeypatch.setattr(store._client, "exchange", None)
    since = None
    for number in range(1, 200):
        new: list[Change] = [Create(make_cookie(number)), make_touch(number - 1)]
        assert commit(store, new) == [True, True]
        assert commit(store, [login(number, since)]) == [True]
        assert load(store, number)[make_id(number)].auth == make_auth(*JOE)
    assert commit(store, [Delete(make_id(number)) for number in range(100)]) == [True] * 100
    assert set(load(store, *range(200))) == {make_id(number) for number in range(100, 200)}


def test_a_server_that_has_forgotten_the_scripts_learns_them(store, server):
    server.client().script_flush()
    assert commit(store, [Create(make_cookie(1)), Delete(make_id(0))]) == [True, True]
    server.client().script_flush()
    assert set(load(store, 0, 1)) == {make_id(1)}


def test_what_others_change_in_between_counts(store, server):
    other = open_redis(server.url())
    for number in range(1, 10):
        other.commit([Create(make_cookie(number))])
        assert store.begin([make_touch(number), Authenticate(make_id(0), make_auth("ann"), NOW)])
        other.commit([Delete(make_id(number))])
        assert until_known(store.fileno, store.finish) == [False, True]
    since = position(store)
    assert store.begin([login(0, since)])
    other.revoke_user(*JOE)
    assert until_known(store.fileno, store.finish) == [False]
    other.close()


def test_partitions_are_one_batch(server):
    store = connected(server.url(), partitions=7)
    numbers = range(1, 100)
    assert all(commit(store, [Create(make_cookie(number)) for number in numbers]))
    assert len(load(store, *numbers)) == len(numbers)
    assert all(commit(store, [Delete(make_id(number)) for number in numbers]))
    store.close()


def test_a_lost_connection_fails_once_and_threads_bring_another(store, server):
    server.pause()
    assert store.begin([Create(make_cookie(2))])
    assert store.begin_load([make_id(0)])
    # Before it can answer.
    for process in server._processes():
        process.kill()
    for finish, fileno in ((store.finish, store.fileno), (store.finish_load, store.load_fileno)):
        with pytest.raises(StoreUnavailable, match="does not answer"):
            until_known(fileno, finish)
    assert store.begin([Create(make_cookie(3))]) is False
    assert store.begin_load([make_id(0)]) is False
    with pytest.raises(StoreUnavailable):
        store.commit([Create(make_cookie(3))])
    server.stop()
    server.start()
    assert store.commit([Create(make_cookie(3))]) == [True]
    assert commit(store, [Create(make_cookie(4))]) == [True]
    store.load([make_id(0)])
    assert set(load(store, *range(5))) == {make_id(0), make_id(3), make_id(4)}


def test_a_connection_that_died_at_rest_is_not_begun_on(store, server):
    server.restart()
    assert store.begin([Create(make_cookie(1))]) is False
    assert store.begin_load([make_id(0)]) is False
    assert store.commit([Create(make_cookie(1))]) == [True]
    assert set(store.load([make_id(1)])) == {make_id(1)}
    assert commit(store, [Delete(make_id(1))]) == [True]
    assert load(store, 1) == {}


def test_a_silent_server_is_given_up_after_the_timeout(store, server):
    with server.paused():
        began = time.monotonic()
        assert store.begin([Delete(make_id(0))])
        assert store.begin_load([make_id(0)])
        assert store.finish() is None
        for finish, fileno in (
            (store.finish, store.fileno),
            (store.finish_load, store.load_fileno),
        ):
            with pytest.raises(StoreUnavailable, match="no answer in 2 seconds"):
                until_known(fileno, finish)
        assert 2 <= time.monotonic() - began < 10
    # Nobody reads the answer that was given up as that to the next question.
    assert store.begin_load([make_id(0)]) is False
    store.load([make_id(0)])
    assert set(load(store, 5)) == set()


def test_a_full_server_says_so_and_goes_on_answering(store, server):
    with server.configured("maxmemory", "1"):
        with pytest.raises(StoreFull, match="has no room"):
            commit(store, [Create(make_cookie(1))])
        assert set(load(store, 0)) == {make_id(0)}
        assert commit(store, [Delete(make_id(0))]) == [True]
    assert commit(store, [Create(make_cookie(1))]) == [True]


def test_a_demoted_master_lets_nobody_in(store, server):
    with running(RedisServer()) as master:
        master.kill()
        server.client().replicaof("127.0.0.1", master.port)
        with pytest.raises(StoreUnavailable, match=r"read only replica|does not answer"):
            load(store, 0)
        with pytest.raises(StoreUnavailable):
            commit(store, [Delete(make_id(0))])
    server.client().replicaof("no", "one")
    store.load([make_id(0)])
    assert set(load(store, 0)) == {make_id(0)}


def test_replicas_are_waited_for():
    with (
        running(RedisServer("--min-replicas-to-write", "1")) as master,
        running(RedisServer("--replicaof", f"127.0.0.1 {master.port}")) as replica,
    ):
        wait_for(lambda: has_replica(master), "a replica")
        store = connected(master.url(), replicas=1, timeout=1)
        assert commit(store, [Create(make_cookie(1))]) == [True]
        assert len(replica.client().keys("*:cookie:*")) == 2
        with replica.paused(), pytest.raises(StoreUnavailable, match="to have the commit, found 0"):
            commit(store, [Create(make_cookie(2))])
        assert commit(store, [Delete(make_id(2))]) == [True]
        store.close()


def test_after_a_failover_it_is_the_new_master_that_is_asked():
    with running(RedisSentinel()) as service:
        store = connected(service.url(), timeout=1)
        wait_for(lambda: service.replica.client().keys("*:cookie:*"), "the replica has it")
        service.master.kill()
        assert store.begin([Create(make_cookie(1))]) is False

        def is_back() -> bool:
            try:
                store.commit([Delete(make_id(5))])
            except StoreUnavailable:
                return False
            return True

        wait_for(is_back, "no new master")
        assert commit(store, [Create(make_cookie(1))]) == [True]
        assert service.replica.client().keys("*:cookie:*")
        store.close()


def test_what_is_too_much_to_send_is_for_a_thread(store):
    big = make_auth(authextra={"token": "x" * 200_000})
    assert store.begin([Create(make_cookie(1, big))]) is False
    assert store.begin([Authenticate(make_id(0), big, NOW)])
    with pytest.raises(StoreUnavailable, match="too much to send"):
        until_known(store.fileno, store.finish)
    assert store.commit([Authenticate(make_id(0), big, NOW), Create(make_cookie(1, big))]) == [
        True,
        True,
    ]
    assert load(store, 0, 1)[make_id(1)].auth == big
    assert commit(store, [Delete(make_id(1))]) == [True]


def test_what_cannot_be_stored_is_refused_and_nothing_is_sent(store):
    spoilt = make_cookie(1, make_auth(authextra={"text": "\ud800"}))
    with pytest.raises(ValueError, match="surrogates not allowed"):
        store.begin([Create(make_cookie(2)), Create(spoilt)])
    assert load(store, 1, 2) == {}
    assert commit(store, [Create(make_cookie(2))]) == [True]


def test_nothing_to_do_is_for_nobody(store):
    assert store.begin([]) is False
    assert store.begin_load([]) is False
    assert store.begin_load(["", "é"]) is False
    assert commit(store, [Delete(make_id(0))]) == [True]


def test_a_closed_store_leaves_no_connection(server):
    client = server.client()
    # Clients of other tests, until they are collected.
    before = connections(client)
    store = connected(server.url())
    assert commit(store, [Create(make_cookie(1))]) == [True]
    assert connections(client) - before
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        store.begin([Delete(make_id(1))])
    with pytest.raises(StoreUnavailable, match="closed"):
        store.begin_load([make_id(1)])
    wait_for(lambda: connections(client) <= before, "its connections are gone")


def connections(client: Any) -> set[str]:
    return {each["id"] for each in client.client_list()}


def test_one_that_is_closed_while_it_connects_leaves_no_connection(server, monkeypatch):
    client, store = server.client(), connected(server.url())
    before = connections(client)
    store._commits._drop()
    entered, closed = Event(), Event()

    class SlowWire(conversation.Wire):
        def __init__(self, *args: Any) -> None:
            entered.set()
            assert closed.wait(PATIENCE_S)
            super().__init__(*args)

    monkeypatch.setattr(conversation, "Wire", SlowWire)
    connecting = Thread(target=store._commits.prepare)
    connecting.start()
    assert entered.wait(PATIENCE_S)
    store.close()
    closed.set()
    connecting.join(PATIENCE_S)
    wait_for(lambda: connections(client) <= before, "its connections are gone")
    assert store._commits._wire is None
