"""When a user last logged in: sessions say so, and one whose login is too old ends nothing."""

import time
from collections.abc import Mapping
from typing import Any

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import FRESH_FOR_S, SharedNode
from tests.support.client import Clients, Session
from tests.support.node import wait_for

pytestmark = pytest.mark.node

LOGGED_IN, FRESH_UNTIL = "cookietrack_logged_in", "cookietrack_fresh_until"
TOO_OLD = "cookietrack.error.login_too_old"
# What a client must not be able to say of itself, and something that it may.
FORGED = {LOGGED_IN: 1, FRESH_UNTIL: 1 << 50, "nickname": "c"}
PEER = "tcp4:192.0.2.9:1"


@pytest.fixture
def url(shared: SharedNode) -> str:
    return shared.url("fresh")


def carol(clients: Clients, url: str, cookie: str | None = None, *methods: str) -> Session:
    """By ticket, which takes the session's authextra from what the client sends."""
    offered, extra = methods or ("ticket",), FORGED
    session = clients.open(
        url, cookie, offered, "carol", "carol-ticket", stay=True, authextra=extra
    )
    assert session.joined, session.error
    return session


def an_id(session: Session) -> str:
    return id_of(session.cookie.partition("=")[2])


def grow_too_old(session: Session) -> Mapping[str, Any]:
    """Wait until the login is not fresh any more."""
    return wait_for(
        lambda: (s := session.call("cookietrack.my.freshness"))["fresh"] is False and s,
        "the login is too old",
    )


def check_dated(session: Session, extra: Mapping[str, Any], since: float) -> int:
    """WELCOME, the router's list and the procedure agree: the login's time, which is returned."""
    at: int = extra[LOGGED_IN]
    assert since * 1000 - 1 <= at <= time.time() * 1000
    assert extra[FRESH_UNTIL] == at + FRESH_FOR_S * 1000
    assert extra["nickname"] == FORGED["nickname"]
    listed = session.call("wamp.session.get", session.status()["session"])["authextra"]
    assert {key: listed[key] for key in FORGED} == {key: extra[key] for key in FORGED}
    assert session.call("cookietrack.my.freshness")["logged_in"] == at
    return at


def test_the_time_of_the_login_is_in_the_sessions_details_whatever_its_client_sent(
    url: str, clients: Clients
) -> None:
    began = time.time()
    first = carol(clients, url)
    at = check_dated(first, first.authextra, began)
    again = carol(clients, url, first.cookie, "cookie")
    assert again.authprovider == "cookie"
    assert check_dated(again, again.authextra, began) == at, "of the login, not of the return"
    mine = {each["id"]: each["logged_in"] for each in again.call("cookietrack.my.list")}
    assert mine[an_id(first)] == at


def test_a_client_does_not_say_by_which_cookie_and_from_where_it_came(
    url: str, clients: Clients
) -> None:
    """Crossbar would believe it: `my.list` shows, and `my.revoke_others` spares, that cookie."""
    forged = {"transport": {"http_cbtid": "x" * 24, "peer": PEER}, "x_cb_proxy_peer": PEER}
    session = clients.open(
        url, None, ("ticket",), "carol", "carol-ticket", authextra={**forged, "nickname": "c"}
    )
    assert session.joined, session.error
    details = session.call("wamp.session.get", session.session)
    assert details["transport"]["http_cbtid"] == an_id(session)
    assert details["authextra"]["nickname"] == "c"
    assert PEER not in str([details, session.authextra])
    current = [each["id"] for each in session.call("cookietrack.my.list") if each["current"]]
    assert current == [an_id(session)]


def test_a_login_that_brings_too_much_along_is_refused(url: str, clients: Clients) -> None:
    deep: dict[str, Any] = {}
    for _ in range(64):
        deep = {"a": deep}
    for extra, cause in ((deep, "nested deeper than 64"), ({"a": "x" * 65_536}, "64 KiB")):
        refused = clients.open(url, None, ("ticket",), "carol", "carol-ticket", authextra=extra)
        assert not refused.joined
        assert cause in str(refused.error)
    assert carol(clients, url).joined


def test_nothing_is_dated_by_the_client_where_no_login_is_fresh_for_a_time(
    shared: SharedNode, clients: Clients
) -> None:
    session = carol(clients, shared.url())
    assert session.authextra[LOGGED_IN] > FORGED[LOGGED_IN]
    assert FRESH_UNTIL not in session.authextra
    assert session.call("cookietrack.my.freshness")["fresh"] is None


def test_a_login_that_is_too_old_ends_nothing_until_its_user_logs_in_again(
    shared: SharedNode, clients: Clients
) -> None:
    url = shared.url("fresh")
    phone, here = carol(clients, url), carol(clients, url)
    grow_too_old(here)
    for procedure, *args in (
        ("cookietrack.my.revoke", an_id(phone)),
        ("cookietrack.my.revoke_others",),
    ):
        assert here.call(procedure, *args)["error"] == TOO_OLD
    assert phone.call("wamp.session.count") > 0

    # The cookie brings back the session, and not the moment of its login.
    back = carol(clients, url, here.cookie, "cookie")
    assert back.call("cookietrack.my.revoke", an_id(phone))["error"] == TOO_OLD

    again = logged_in_again(back, shared)
    assert again.call("cookietrack.my.revoke", an_id(phone))["cookies"] == 1
    phone.wait_closed()
    with_it = carol(clients, url, here.cookie, "cookie")
    assert with_it.authextra[LOGGED_IN] > back.authextra[LOGGED_IN], "it is stored"


def logged_in_again(session: Session, shared: SharedNode) -> Session:
    """On the same connection, but behind a proxy: Crossbar's takes one login a connection."""
    if shared.place == "proxy":
        return carol(session.clients, shared.url("fresh"), session.cookie)
    session.leave()
    state = session.join("ticket")
    assert (state["joined"], state["challenged"]) == (True, True)
    return session
