"""A cookie that its planter knows is worth nothing once a victim logs in over it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.node.conftest import SharedNode
from tests.support.client import Clients

pytestmark = pytest.mark.node


def by_password_alone(clients: Clients, url: str, cookie: str | None) -> Any:
    return clients.open(url, cookie, ("wampcra",), "alice", "alice-secret")


def test_a_planted_cookie_is_not_who_the_victim_logs_in_as(
    shared: SharedNode, clients: Clients
) -> None:
    url = shared.url()

    # Without a login: the planter holds a cookie and keeps its connection open.
    planter = clients.open(url, join=False)
    victim = by_password_alone(clients, url, planter.cookie)
    assert victim.joined
    assert victim.set_cookie is not None, "a fresh one, that nobody else knows"
    assert clients.login(url, cookie=planter.cookie).challenged
    assert not clients.login(url, cookie=victim.cookie).challenged

    # With the planter's own login.
    mallory = clients.login(url, "bob")
    victim = by_password_alone(clients, url, mallory.cookie)
    assert victim.joined
    assert victim.authid == "alice"
    assert mallory.wait_closed()["leave_reason"] == "wamp.close.logout"
    planted = clients.open(url, mallory.cookie, ("cookie",))
    assert not planted.joined, "neither as the victim nor as the planter"
    assert victim.call("wamp.session.get", victim.session)["authid"] == "alice"


def test_whoever_logs_in_again_as_the_same_keeps_the_cookie(
    shared: SharedNode, clients: Clients
) -> None:
    first = clients.login(shared.url())
    again = by_password_alone(clients, shared.url(), first.cookie)
    assert again.challenged
    assert again.set_cookie is None
    assert not clients.login(shared.url(), cookie=first.cookie).challenged


def test_six_connections_at_once_after_a_login_stay_logged_in(
    shared: SharedNode, clients: Clients
) -> None:
    first = clients.login(shared.url())
    with ExitStack() as stack, ThreadPoolExecutor(6) as pool:
        processes = [Clients() for _ in range(6)]
        for process in processes:
            stack.callback(process.close)
        tabs = list(pool.map(lambda own: own.login(shared.url(), cookie=first.cookie), processes))
        assert [tab.authprovider for tab in tabs] == ["cookie"] * 6
        assert [tab.set_cookie for tab in tabs] == [None] * 6


def test_rotation_can_be_turned_off(shared: SharedNode, clients: Clients) -> None:
    first = clients.open(shared.url("lasting"), join=False)
    again = clients.login(shared.url("lasting"), cookie=first.cookie)
    assert again.set_cookie is None
    assert not clients.login(shared.url("lasting"), cookie=first.cookie).challenged
