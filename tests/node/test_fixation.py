"""A cookie that its planter knows is worth nothing once a victim logs in over it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node

pytestmark = pytest.mark.node

Make = Callable[..., Node]
Place = Callable[..., dict[str, Any]]
LMDB = {"store": STORES["lmdb"]}


def by_password_alone(clients: Clients, url: str, cookie: str | None) -> Any:
    return clients.open(url, cookie, ("wampcra",), "alice", "alice-secret")


def test_a_planted_cookie_is_not_who_the_victim_logs_in_as(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)

    # Without a login: the planter holds a cookie and keeps its connection open.
    planter = clients.open(listener.url, join=False)
    victim = by_password_alone(clients, listener.url, planter.cookie)
    assert victim.joined
    assert victim.set_cookie is not None, "a fresh one, that nobody else knows"
    assert clients.login(listener.url, cookie=planter.cookie).challenged
    assert not clients.login(listener.url, cookie=victim.cookie).challenged

    # With the planter's own login.
    mallory = clients.login(listener.url, "bob")
    victim = by_password_alone(clients, listener.url, mallory.cookie)
    assert victim.joined
    assert victim.authid == "alice"
    assert mallory.wait_closed()["leave_reason"] == "wamp.close.logout"
    planted = clients.open(listener.url, mallory.cookie, ("cookie",))
    assert not planted.joined, "neither as the victim nor as the planter"
    assert victim.call("wamp.session.get", victim.session)["authid"] == "alice"


def test_whoever_logs_in_again_as_the_same_keeps_the_cookie(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    first = clients.login(listener.url)
    again = by_password_alone(clients, listener.url, first.cookie)
    assert again.challenged
    assert again.set_cookie is None
    assert not clients.login(listener.url, cookie=first.cookie).challenged


def test_six_connections_at_once_after_a_login_stay_logged_in(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    first = clients.login(listener.url)
    tabs = [clients.login(listener.url, cookie=first.cookie) for _ in range(6)]
    assert [tab.authprovider for tab in tabs] == ["cookie"] * 6
    assert [tab.set_cookie for tab in tabs] == [None] * 6


def test_rotation_can_be_turned_off(make_node: Make, clients: Clients, listener: Listener) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {**LMDB, "rotate": False})))
    node.start(listener.port)
    first = clients.open(listener.url, join=False)
    again = clients.login(listener.url, cookie=first.cookie)
    assert again.set_cookie is None
    assert not clients.login(listener.url, cookie=first.cookie).challenged
