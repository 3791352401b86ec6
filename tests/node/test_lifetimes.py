"""Idle timeout, rolling cookies, and cookies that expire under a connection."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

Make = Callable[..., Node]
Place = Callable[..., dict[str, Any]]
LMDB = {"store": STORES["lmdb"]}


def test_a_connection_is_closed_when_its_cookie_expires(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, {**LMDB, "max_age": 2})))
    node.start(listener.port)
    session = clients.login(listener.url)
    assert session.wait_closed()["leave_reason"] == "cookietrack.close.expired"
    assert clients.login(listener.url, cookie=session.cookie).challenged


def test_an_idle_client_is_out_and_one_that_talks_stays_in(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, {**LMDB, "idle_timeout": 3})))
    node.start(listener.port)
    silent, talking = clients.login(listener.url), clients.login(listener.url, "bob")

    def talk() -> dict[str, Any] | None:
        assert talking.call("wamp.session.get", talking.session)["authid"] == "bob"
        state = silent.status()
        return state if state["closed"] else None

    assert wait_for(talk, "the silent one is closed")["leave_reason"] == "cookietrack.close.expired"
    assert clients.login(listener.url, cookie=silent.cookie).challenged
    again = clients.login(listener.url, "bob", cookie=talking.cookie)
    assert not again.challenged


def max_age(session: Session) -> int:
    return int(session.set_cookie.partition("Max-Age=")[2].partition(";")[0])


def test_a_rolling_cookie_is_given_anew_up_to_its_absolute_limit(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    bounded = Listener()
    rolling = {**LMDB, "rolling": True, "max_age": 600}
    node = make_node(
        configs.router(
            configs.websocket(listener.port, rolling),
            configs.websocket(bounded.port, {**rolling, "absolute_max_age": 600}),
        )
    )
    node.start(listener.port, bounded.port)
    first = clients.login(listener.url)
    again = clients.login(listener.url, cookie=first.cookie)
    assert again.cookie == first.cookie
    assert max_age(again) == 600
    later = wait_for(
        lambda: (s := clients.login(bounded.url, cookie=first.cookie)) and max_age(s) < 600 and s,
        "less than the whole lifetime is left",
    )
    assert later.cookie == first.cookie
