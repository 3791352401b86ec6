"""Idle timeout, rolling cookies, and cookies that expire under a connection."""

from typing import Any

import pytest

from tests.node.conftest import SharedNode
from tests.support.client import Clients, Session
from tests.support.node import wait_for

pytestmark = pytest.mark.node


def test_a_connection_is_closed_when_its_cookie_expires(
    shared: SharedNode, clients: Clients
) -> None:
    session = clients.login(shared.url("short"))
    assert session.wait_closed()["leave_reason"] == "cookietrack.close.expired"
    assert clients.login(shared.url("short"), cookie=session.cookie).challenged


def test_an_idle_client_is_out_and_one_that_talks_stays_in(
    shared: SharedNode, clients: Clients
) -> None:
    silent, talking = clients.login(shared.url("idle")), clients.login(shared.url("idle"), "bob")

    def talk() -> dict[str, Any] | None:
        assert talking.call("wamp.session.get", talking.session)["authid"] == "bob"
        state = silent.status()
        return state if state["closed"] else None

    assert wait_for(talk, "the silent one is closed")["leave_reason"] == "cookietrack.close.expired"
    assert clients.login(shared.url("idle"), cookie=silent.cookie).challenged
    again = clients.login(shared.url("idle"), "bob", cookie=talking.cookie)
    assert not again.challenged


def max_age(session: Session) -> int:
    return int(session.set_cookie.partition("Max-Age=")[2].partition(";")[0])


def test_a_rolling_cookie_is_given_anew_up_to_its_absolute_limit(
    shared: SharedNode, clients: Clients
) -> None:
    first = clients.login(shared.url("rolling"))
    again = clients.login(shared.url("rolling"), cookie=first.cookie)
    assert again.cookie == first.cookie
    assert max_age(again) == 600
    bounded = shared.url("bounded")
    later = wait_for(
        lambda: (s := clients.login(bounded, cookie=first.cookie)) and max_age(s) < 600 and s,
        "less than the whole lifetime is left",
    )
    assert later.cookie == first.cookie
