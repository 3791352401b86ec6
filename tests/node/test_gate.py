"""A login is stored before its session begins: until then nothing that its client sends counts."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks import flush
from benchmarks.load import wire
from servers.redises import RedisServer
from tests.node.conftest import server_store
from tests.support.faults import FAULTY, Faults
from tests.support.node import wait_for
from tests.support.observer import Observer
from tests.support.rude import TICKET, RudeClient
from tests.support.sites import Door, Place, Site, opened
from tests.support.wamp import ERROR, GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

NOT_STORED = "cookietrack.error.login_not_stored"
SLOW_S = 0.4
# Round trips to a worker, after which it has read what was sent to it before.
ROUND_TRIPS = 20


def challenged(door: Door, user: str) -> RudeClient:
    """A client that has to prove who it is, on a cookie that is stored."""
    client = door.client()
    assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
    return client


def joins(door: Door, user: str) -> list[float]:
    """When the user has joined."""
    door.observer.catch_up()
    return [at for authid, at in door.observer.joined if f"{authid}@" in user]


def end(operator: Observer, procedure: str, id: str, authid: str) -> None:
    operator.call(f"cookietrack.{procedure}", id if procedure == "revoke" else authid)


# -- a store that hangs, or is full -------------------------------------------------------------


@pytest.fixture(scope="module")
def faulty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Each worker has a store of its own: it is in memory."""
    folder = tmp_path_factory.mktemp("gate")
    with opened(FAULTY, [Place(folder, FAULTY, env=Faults.environment())]) as site:
        yield site


@pytest.fixture
def faults(faulty_site: Site) -> Iterator[Faults]:
    faults = Faults(faulty_site.places[0].node.cbdir)
    yield faults
    faults.switch()


@pytest.fixture(params=["router", "proxy"])
def faulty_door(request: pytest.FixtureRequest, faulty_site: Site) -> Door:
    return faulty_site.here[request.param]


def test_until_its_login_is_stored_a_client_is_not_in(
    faulty_door: Door, faulty_site: Site, faults: Faults
) -> None:
    user, another = faulty_site.user(), faulty_door.client().log_in(faulty_site.user())
    with another, challenged(faulty_door, user) as client:
        faults.switch(commit="hang")
        client.send(wire.authenticate(TICKET), client.babble(user))
        for _ in range(ROUND_TRIPS):
            assert another.answers()
        assert not client.has_received(wire.WELCOME)
        assert joins(faulty_door, user) == []
        assert faulty_door.observer.heard_of(user) == []
        faults.switch()
        assert client.receive_login()[0] == wire.WELCOME
        assert len(joins(faulty_door, user)) == 1
        assert client.session in faulty_door.observer.sessions()


def test_a_login_that_cannot_be_stored_is_refused_and_its_client_was_never_in(
    faulty_door: Door, faulty_site: Site, faults: Faults
) -> None:
    user = faulty_site.user()
    with challenged(faulty_door, user) as client:
        faults.switch(commit="full")
        client.send(wire.authenticate(TICKET), client.babble(user))
        answer = client.receive_login()
        assert (answer[0], answer[2]) == (wire.ABORT, NOT_STORED)
        assert joins(faulty_door, user) == []
        assert faulty_door.observer.heard_of(user) == []
        faults.switch()
        with faulty_door.client(client.given) as again:
            assert again.say_hello(user)[0] == wire.CHALLENGE


def test_a_second_proof_joins_nobody_twice_however_long_the_store_takes(
    faulty_door: Door, faulty_site: Site, faults: Faults
) -> None:
    user, another = faulty_site.user(), faulty_door.client().log_in(faulty_site.user())
    with another, challenged(faulty_door, user) as client:
        faults.switch(commit="hang")
        client.send(wire.authenticate(TICKET), wire.authenticate(TICKET))
        for _ in range(ROUND_TRIPS):
            assert another.answers()
        faults.switch()
        assert client.receive_login()[0] == wire.WELCOME
        assert client.answers()
        assert len(joins(faulty_door, user)) == 1


@pytest.mark.parametrize("procedure", ["revoke", "revoke_by_authid"])
def test_a_cookie_whose_end_cannot_be_stored_is_shown_to_nobody(
    procedure: str, faulty_site: Site, faults: Faults
) -> None:
    """In the worker that has the procedures: a store of this kind is not shared."""
    operator, user = faulty_site.operator, faulty_site.user()
    authid = user.partition("@")[0]
    with faulty_site.here["router"].client().log_in(user) as client:
        id = client.cookie_id
        faults.switch(commit="full")
        end(operator, procedure, id, authid)
        assert operator.call("cookietrack.get", id) is None
        assert operator.call("cookietrack.list", authid) == []
        assert operator.call("cookietrack.count", authid) == 0
        with faulty_site.here["router"].client(client.given) as again:
            assert again.cookie_id != id, "it is a stranger's, who gets another"


@pytest.fixture(scope="module")
def crowded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """On a server that all of its workers share."""
    folder = tmp_path_factory.mktemp("crowded")
    with server_store("redis", request) as store, opened(store, [Place(folder, store)]) as site:
        yield site


def shows(answer: Any) -> bool:
    """Whether it is anything but nothing, or an ERROR of WAMP."""
    return bool(answer) and not (isinstance(answer, list) and answer[0] == ERROR)


@pytest.mark.server
@pytest.mark.parametrize("procedure", ["revoke", "revoke_by_authid"])
def test_nor_where_a_server_refuses_it_and_it_is_ended_once_that_is_over(
    procedure: str, crowded: Site, redis_server: RedisServer
) -> None:
    """Its client came in by a proxy worker, which hears of it by way of the store."""
    operator, user = crowded.operator, crowded.user()
    authid = user.partition("@")[0]
    with crowded.here["proxy"].client().log_in(user) as client:
        id = client.cookie_id
        assert shows(operator.call("cookietrack.get", id))
        # For want of a replica.
        with redis_server.configured("min-replicas-to-write", "1"):
            end(operator, procedure, id, authid)
            for asked, argument in (("get", id), ("list", authid), ("count", authid)):
                assert not shows(operator.call(f"cookietrack.{asked}", argument))
            with crowded.here["router"].client(client.given) as again:
                # As soon as it is known that nothing can be stored, strangers are refused.
                assert again.status == 503 or again.cookie_id != id
        wait_for(lambda: client.has_received(GOODBYE), "its session ends")
        assert client.session not in operator.sessions()
        with crowded.here["proxy"].client(client.given) as again:
            assert again.say_hello(user)[0] == wire.CHALLENGE


# -- a disk on which a flush takes long ---------------------------------------------------------


@pytest.fixture(scope="module")
def slow_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("slow")
    store = {"type": "lmdb", "path": ".cookies"}
    env = flush.environment(folder, SLOW_S * 1000)
    with opened(store, [Place(folder, store, env=env)]) as site:
        yield site


@pytest.mark.parametrize("name", ["router", "proxy"])
def test_nobody_joins_before_the_login_is_on_the_disk(name: str, slow_site: Site) -> None:
    door, user = slow_site.here[name], slow_site.user()
    with challenged(door, user) as client:
        proven = time.monotonic()
        client.send(wire.authenticate(TICKET), client.babble(user))
        assert client.receive_login()[0] == wire.WELCOME
        moments = joins(door, user)
        assert len(moments) == 1
        moments += [each.at for each in door.observer.heard_of(user)]
    assert min(moments) - proven >= SLOW_S
