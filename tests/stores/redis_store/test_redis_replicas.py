"""Commits that count when replicas have them."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Thread
from typing import Any

import pytest

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from servers.process import running
from servers.redises import RedisCluster, RedisSentinel, RedisServer, has_replica
from tests.support.node import wait_for
from tests.support.redis_stores import JOE, open_redis
from tests.support.silence import answers

pytestmark = pytest.mark.server

NEEDS_REPLICA = ("--min-replicas-to-write", "1")


EVERYWHERE = pytest.mark.parametrize("own", ["server", "cluster"], indirect=True)


@pytest.fixture
def own(request: pytest.FixtureRequest) -> Iterator[tuple[str, list[RedisServer], ExitStack]]:
    """A URL, the masters behind it, and a stack on which each has a replica that can be stopped."""
    is_cluster = getattr(request, "param", "server") == "cluster"
    kind = RedisCluster if is_cluster else RedisServer
    with ExitStack() as stack:
        service: Any = stack.enter_context(running(kind(*NEEDS_REPLICA)))
        masters = service.servers if is_cluster else [service]
        replicas = stack.enter_context(ExitStack())
        for master in masters:
            replicas.enter_context(running(follower(master)))
        for master in masters:
            wait_for(lambda master=master: has_replica(master), "a replica")
        yield service.url(), masters, replicas


def follower(master: RedisServer) -> RedisServer:
    return RedisServer("--replicaof", f"127.0.0.1 {master.port}")


class Monitor:
    """What a server is asked, with the connection that it comes over, scripts' own commands not."""

    def __init__(self, server: RedisServer) -> None:
        self._client = server.client()
        self._monitor: Any = self._client.monitor()

    def __enter__(self) -> "Monitor":
        self._monitor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._monitor.__exit__(*error)
        self._client.close()

    def asked(self, last: str) -> list[tuple[str, str]]:
        """Command and connection of all that came until `last` did."""
        asked: list[tuple[str, str]] = []
        while not asked or asked[-1][0] != last:
            said = self._monitor.next_command()
            if said["client_type"] != "lua":
                connection = f"{said['client_address']}:{said['client_port']}"
                asked.append((said["command"].split()[0].upper(), connection))
        return asked


@EVERYWHERE
def test_replicas_are_waited_for_right_behind_the_script_on_its_connection(own):
    """Over another connection, or after a failover, the answer would be about another write."""
    url, masters, _ = own
    store = open_redis(url, replicas=1)
    store.commit([Create(make_cookie(0, make_auth()))])
    home = next(each for each in masters if each.client().keys("*:cookie:*"))
    for write in (
        lambda: store.commit([Create(make_cookie(1, make_auth()))]),
        lambda: store.commit([Delete(make_id(1))]),
        lambda: store.expire(make_cookie().expires, 10),
        lambda: store.revoke_user(*JOE),
    ):
        with Monitor(home) as monitor:
            write()
            asked = monitor.asked("WAIT")
        *_, (last, connection), wait = asked
        # No other script is what it waits for.
        assert [name for name, _ in asked if name.startswith("EVAL")] == [last]
        assert wait == ("WAIT", connection)
    store.close()


def test_a_commit_that_too_few_replicas_have_is_not_acknowledged(own):
    url, masters, replicas = own
    store = open_redis(url, replicas=1, timeout=1)
    assert store.commit([Create(make_cookie(1, make_auth()))]) == [True]
    with ExitStack() as silence:
        for master in masters:
            silence.enter_context(master.configured("min-replicas-to-write", "0"))
        replicas.close()
        for call in (
            lambda: store.commit([Delete(make_id(1))]),
            # Nothing to do the second time: it is the first that is not known to stay.
            lambda: store.commit([Delete(make_id(1))]),
            lambda: store.revoke_user(*JOE),
        ):
            with pytest.raises(StoreUnavailable, match="to have the commit, found 0"):
                call()
    store.close()


@pytest.mark.parametrize("number", [1, 2])
def test_more_replicas_than_there_are_are_not_there(own, number):
    url, _, _ = own
    store = open_redis(url, replicas=number, timeout=1)
    if number == 1:
        assert store.commit([Create(make_cookie(1))]) == [True]
    else:
        with pytest.raises(
            StoreUnavailable, match="expected 2 of the replicas to have the commit, found 1"
        ):
            store.commit([Create(make_cookie(1))])
    store.close()


def test_a_failover_while_replicas_are_waited_for_acknowledges_nothing():
    with running(RedisSentinel()) as service:
        service.master.client().config_set("min-replicas-to-write", 1)
        store = open_redis(service.url(), replicas=1, timeout=20)
        service.replica.pause()
        master = service.master

        def fail_over(*_: Any) -> None:
            wait_for(lambda: master.client().keys("*:cookie:*"), "the script has run")
            master.kill()
            service.replica.resume()

        thread = Thread(target=fail_over)
        thread.start()
        with pytest.raises(StoreUnavailable):
            store.commit([Create(make_cookie(1))])
        thread.join()
        store.close()


@pytest.mark.parametrize("how", ["killed", "told to"])
def test_a_replica_of_a_cluster_takes_over_within_seconds(how):
    with running(RedisCluster("--cluster-node-timeout", "1000")) as cluster:
        store = open_redis(cluster.url(), timeout=1)
        store.commit([Create(make_cookie(1))])
        master = next(each for each in cluster.servers if each.client().keys("*:cookie:*"))
        with cluster.joined() as replica:
            name = master.client().execute_command("CLUSTER MYID")

            def knows_replica(server: RedisServer) -> bool:
                # One that does not refuses its vote.
                return bool(server.client().execute_command("CLUSTER REPLICAS", name))

            replica.client().execute_command("CLUSTER REPLICATE", name)
            wait_for(lambda: has_replica(master), "the replica follows")
            wait_for(lambda: all(map(knows_replica, cluster.servers)), "they know of it")
            assert store.commit([Create(make_cookie(2)), Delete(make_id(1))]) == [True, True]
            wait_for(lambda: replica.client().keys(f"*{make_id(2)}"), "it has everything")
            if how == "killed":
                master.kill()
            else:
                replica.client().execute_command("CLUSTER FAILOVER")
            wait_for(lambda: replica.client().role()[0] == b"master", "it takes over")
            began = time.monotonic()
            wait_for(lambda: answers(store), "the store comes back")
            assert set(store.load([make_id(1), make_id(2)])) == {make_id(2)}
            assert store.commit([Delete(make_id(2))]) == [True]
            assert time.monotonic() - began < 5
        store.close()


@EVERYWHERE
def test_a_master_that_goes_on_without_replicas_is_refused(own):
    """On the wrong side of a split it would let in who has logged out."""
    url, masters, _ = own
    with masters[-1].configured("min-replicas-to-write", "0"):
        with pytest.raises(
            ConfigError,
            match=r'"replicas" in .*min-replicas-to-write 1 or more',
        ):
            open_redis(url, replicas=1)
        open_redis(url).close()
    open_redis(url, replicas=1).close()


def test_a_lag_that_is_not_measured_is_refused(own):
    url, masters, _ = own
    with (
        masters[0].configured("min-replicas-max-lag", "0"),
        pytest.raises(ConfigError, match="min-replicas-max-lag"),
    ):
        open_redis(url, replicas=1)


@EVERYWHERE
def test_look_ups_and_the_feed_are_not_believed_without_the_replicas(own):
    url, masters, replicas = own
    store = open_redis(url, replicas=1)
    store.commit([Create(make_cookie(number)) for number in range(2)])
    _, since = store.revoked_since(None)
    replicas.close()
    wait_for(lambda: not any(has_replica(each) for each in masters), "the replicas are gone")
    for call in (
        lambda: store.load([make_id(1)]),
        lambda: store.load([make_id(1), make_id(2), make_id(3)]),
        lambda: store.revoked_since(since),
        lambda: store.revoked_since(None),
    ):
        with pytest.raises(StoreUnavailable, match="takes no writes: NOREPLICAS"):
            call()
    store.close()
