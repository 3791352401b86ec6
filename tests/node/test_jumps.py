"""Somebody sets the wall clock of a node that runs: nobody stays in longer by that."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from attrs import frozen

from benchmarks.load import wire
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Cookie, Create
from tests.node.conftest import STORES, server_store
from tests.support.clocks import Clock
from tests.support.endings import CUT_OFF_S, ELSEWHERE_S, command
from tests.support.node import wait_for
from tests.support.rude import RudeClient
from tests.support.sites import BRIEF_S, LOGIN, Door, Place, Site, opened
from tests.support.wamp import GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

HOUR_S = 3600
DEMANDS = {"plain": ({}, LOGIN), "short": ({"max_age": BRIEF_S}, LOGIN)}
# Seconds: a few lifetimes, which is far from an hour.
SOON_S = 5 * BRIEF_S


@frozen
class Jumping:
    """A node whose clock can be set."""

    site: Site
    clock: Clock


@pytest.fixture(scope="module", params=["lmdb", pytest.param("redis", marks=pytest.mark.server)])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Jumping]:
    folder = tmp_path_factory.mktemp("jumping")
    clock = Clock(folder)
    with ExitStack() as stack:
        store: dict[str, Any] = STORES["lmdb"]
        if request.param != "lmdb":
            store = stack.enter_context(server_store(request.param, request))
        place = Place(folder, store, demands=DEMANDS, env=clock.environment())
        yield Jumping(stack.enter_context(opened(store, [place])), clock)


@pytest.fixture
def jumping(running: Jumping) -> Iterator[Jumping]:
    """The clock is right at first, and afterwards."""
    yield running
    running.clock.set(0)


@pytest.fixture(params=["router", "proxy"])
def entrance(request: pytest.FixtureRequest, jumping: Jumping) -> Door:
    return jumping.site.here[request.param]


def is_refused(door: Door, cookie: str | None, user: str) -> bool:
    """Whether the cookie lets nobody in where it is two seconds old at most."""
    with door.client(cookie, "short") as again:
        return again.given is not None and again.say_hello(user)[0] == wire.CHALLENGE


def test_what_is_revoked_elsewhere_is_heard_though_the_clock_was_set_back(
    entrance: Door, jumping: Jumping
) -> None:
    user = jumping.site.user()
    with entrance.client().log_in(user) as client:
        jumping.clock.set(-HOUR_S)
        ended = command(jumping.site.places[0].node, "--authid", user.partition("@")[0])
        assert ended.startswith("1 cookie")
        wait_for(lambda: client.has_received(GOODBYE), "GOODBYE", ELSEWHERE_S)
        wait_for(client.is_gone, "it is cut off", CUT_OFF_S)
        assert client.session not in entrance.observer.sessions()


def test_a_cookie_expires_in_its_time_though_the_clock_was_set_back(
    entrance: Door, jumping: Jumping
) -> None:
    user = jumping.site.user()
    with entrance.client(demand="short").log_in(user) as client:
        jumping.clock.set(-HOUR_S)
        check_expires(entrance, client, user)


def test_a_cookie_expires_in_its_time_though_the_clock_was_ahead_for_a_while(
    entrance: Door, jumping: Jumping
) -> None:
    user = jumping.site.user()
    jumping.clock.set(HOUR_S)
    with entrance.client(demand="short").log_in(user) as client:
        jumping.clock.set(0)
        check_expires(entrance, client, user)


def check_expires(door: Door, client: RudeClient, user: str) -> None:
    wait_for(lambda: client.has_received(GOODBYE), "it is closed", SOON_S)
    wait_for(lambda: is_refused(door, client.given, user), "its cookie is refused", SOON_S)


@pytest.mark.parametrize("running", ["lmdb"], indirect=True)
def test_a_record_from_the_future_lets_nobody_in(entrance: Door, jumping: Jumping) -> None:
    """On a local store this machine has written it, before its clock was set back."""
    authid, _, realm = (user := jumping.site.user()).partition("@")
    value = f"{authid:x<24}"
    # Farther than the clock was ever set ahead: the node's own time does not go back.
    created = int((time.time() + 24 * HOUR_S) * 1000)
    auth = Auth(authid, "user", "ticket", realm)
    cookie = Cookie(id_of(value), created, created + 10**6, created, auth=auth)
    item, node_dir = jumping.site.store, str(jumping.site.places[0].node.cbdir)
    store = find_provider(item["type"]).open(item, node_dir)
    try:
        assert store.commit([Create(cookie)]) == [True]
    finally:
        store.close()
    assert is_refused(entrance, f"cbtid={value}", user)
