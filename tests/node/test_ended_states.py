"""An end reaches connections in any state, and any number of them."""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import pytest

from benchmarks.load import wire
from tests.support.endings import CUT_OFF_S, ELSEWHERE_S, PACE_S
from tests.support.flood import flooding, listening
from tests.support.node import wait_for
from tests.support.rude import CLOSE, PUBLISH, TICKET, RudeClient, hello
from tests.support.sites import OPERATOR, Door, Site
from tests.support.wamp import GOODBYE, LOGOUT

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.parametrize("site", ["lmdb"], indirect=True)]

# The receive buffer of a client that does not read, and more than the buffers on the way take.
NARROW_BYTES = 4096
LOAD, LOADS = "x" * 60_000, 100
CROWD = 100
# Where several processes test at once, the machine is not the node's alone.
PATIENCE = 2 if "PYTEST_XDIST_WORKER" in os.environ else 1
# Seconds after which none of a crowd has a connection any more.
CROWD_GONE_S = 3.0 * PATIENCE
# Seconds after an acknowledged end in which what is on the way is heard.
FLOOD_OVER_S = 2.0 * PATIENCE


# -- connections that one cookie has: with what each of them tries when the cookie has ended ----


def silent(door: Door, cookie: str, user: str) -> tuple[RudeClient, bytes]:
    """It has not said HELLO."""
    return door.client(cookie), hello(user)


def challenged(door: Door, cookie: str, user: str) -> tuple[RudeClient, bytes]:
    client = door.client(cookie)
    assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
    return client, wire.authenticate(TICKET)


def left(door: Door, cookie: str, user: str) -> tuple[RudeClient, bytes]:
    """It has said GOODBYE, and may join again."""
    client = door.client(cookie).come_back(user)
    client.send(wire.goodbye("wamp.close.normal"))
    assert client.receive()[0] == GOODBYE
    return client, hello(user)


def deaf(door: Door, cookie: str, user: str) -> tuple[RudeClient, bytes]:
    """It does not read, and there is more for it than the buffers take."""
    client = door.client(cookie, window_bytes=NARROW_BYTES).come_back(user)
    load(door, client)
    return client, client.babble("deaf")


def closing(door: Door, cookie: str, user: str) -> tuple[RudeClient, bytes]:
    """The same, and it has sent Close."""
    client, more = deaf(door, cookie, user)
    client.send(CLOSE)
    return client, more


def load(door: Door, *clients: RudeClient, events: int = LOADS) -> None:
    topic = f"test.load.{clients[0].session}"
    for client in clients:
        client.subscribe(topic)
    with door.client().log_in(OPERATOR) as publisher:
        for _ in range(events):
            publisher.ask(PUBLISH, {"acknowledge": True}, topic, [LOAD])


# Those that come back by the cookie before one that does not offer it.
STATES = (silent, left, deaf, closing, challenged)


def test_an_end_reaches_a_connection_in_any_state(door: Door, site: Site) -> None:
    user = site.user()
    with door.client().log_in(user) as first:
        assert first.given is not None
        states = {state.__name__: state(door, first.given, user) for state in STATES}
        listed = {first.session, states["deaf"][0].session, states["closing"][0].session}
        assert site.operator.call("cookietrack.revoke", first.cookie_id)["cookies"] == 1
        ended = time.monotonic()
        if door.administers:
            assert listed & site.operator.sessions() == set()
        wait_for(lambda: not listed & site.operator.sessions(), "they are off the list", CUT_OFF_S)
        for client, attempt in states.values():
            client.send_anyway(attempt)
        gone = gone_after(ended, [client for client, _ in states.values()], 2 * CUT_OFF_S)
        answers = [states[name][0].rest() for name in ("silent", "left", "challenged")]
    for client, _ in states.values():
        client.close()
    slow = {name: after for name, after in zip(states, gone, strict=True) if after > CUT_OFF_S}
    assert slow == {}
    assert {message[0] for answer in answers for message in answer} <= {wire.ABORT}


def gone_after(ended: float, clients: Sequence[RudeClient], patience: float) -> list[float]:
    """The seconds from the end until each was cut off; infinite for those that were not."""
    found = dict.fromkeys(range(len(clients)), float("inf"))
    while float("inf") in found.values() and time.monotonic() < ended + patience:
        for number, client in enumerate(clients):
            if client.is_gone():
                found[number] = min(found[number], time.monotonic() - ended)
        time.sleep(PACE_S / 2)
    return list(found.values())


# -- a hundred clients that never read and never close ------------------------------------------

End = Callable[[Site, str], object]


def revoke(site: Site, authid: str) -> int:
    return site.operator.call("cookietrack.revoke_by_authid", authid)["cookies"]


def kill(site: Site, authid: str) -> int:
    killed = site.operator.call("wamp.session.kill_by_authid", authid, reason=LOGOUT)
    return len(set(killed))


@pytest.mark.parametrize("end", [revoke, kill])
def test_a_hundred_that_never_read_and_never_close_are_out_at_once(
    end: End, door: Door, site: Site
) -> None:
    user, log = site.user(), len(site.places[0].node.output())
    crowd = [door.client(window_bytes=NARROW_BYTES).log_in(user) for _ in range(CROWD)]
    load(door, *crowd, events=3)
    keys = [f"{user} {number}" for number in range(CROWD)]
    assert end(site, user.partition("@")[0]) == CROWD
    answered = time.monotonic()
    inside = {client.session for client in crowd} & site.operator.sessions()
    slack = 0.0 if door.administers else ELSEWHERE_S
    if door.administers and end is revoke:
        assert inside == set()
    gone = chatter(crowd, keys, until=answered + slack + 2 * CROWD_GONE_S)
    door.observer.catch_up()
    heard = [key for key in keys if door.observer.heard_of(key, answered + slack)]
    late = [moment - answered for moment in gone if moment - answered > CROWD_GONE_S + slack]
    for client in crowd:
        client.close()
    assert (heard, late) == ([], [])
    assert {client.session for client in crowd} & site.operator.sessions() == set()
    assert "Traceback" not in site.places[0].node.output()[log:]


def chatter(crowd: Sequence[RudeClient], keys: Sequence[str], until: float) -> list[float]:
    """They go on sending until all are gone, or until that moment: when each of them was gone."""
    gone = [float("inf")] * len(crowd)
    while float("inf") in gone and time.monotonic() < until:
        for number, (client, key) in enumerate(zip(crowd, keys, strict=True)):
            if gone[number] == float("inf") and client.is_gone():
                gone[number] = time.monotonic()
            elif not client.is_gone():
                client.send_anyway(client.babble(key))
        time.sleep(PACE_S)
    return gone


# -- a client that gives its router more than it takes -------------------------------------------


def test_what_waited_on_the_way_to_a_router_is_little(site: Site) -> None:
    """Behind a proxy: what it has passed on cannot be taken back, so that must not be much."""
    door, user, topic = site.here["proxy"], site.user(), "test.flood"
    with ExitStack() as stack:
        first = stack.enter_context(door.client().log_in(user))
        victim = stack.enter_context(door.client(first.given).come_back(user))
        router = site.here["router"]
        others = [stack.enter_context(router.client().log_in(OPERATOR)) for _ in range(10)]
        for other in others:
            other.subscribe(topic)
        ear = stack.enter_context(listening(others))
        stack.enter_context(flooding(victim, topic))
        wait_for(lambda: ear.heard > 1_000_000, "the flood has come")
        assert first.log_out()[0] == GOODBYE
        ended = time.monotonic()
        wait_for(lambda: victim.session not in site.operator.sessions(), "the router has heard")
        wait_for(victim.is_gone, "it is cut off")
        wait_for(lambda: time.monotonic() - ear.last > 1, "nothing comes any more")
        assert ear.last - ended < FLOOD_OVER_S
