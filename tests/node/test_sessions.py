"""Logout, forced logout, expiry, and clients without a login."""

from collections.abc import Callable
from typing import Any

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

Make = Callable[..., Node]
Place = Callable[..., dict[str, Any]]
LMDB = {"store": STORES["lmdb"]}


def test_a_kill_with_the_logout_reason_ends_the_cookie_and_its_siblings(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    alice = clients.login(listener.url)
    sibling = clients.login(listener.url, cookie=alice.cookie)
    bob = clients.login(listener.url, "bob")

    killed = bob.call("wamp.session.kill", alice.session, reason="wamp.close.logout")
    assert killed is None
    alice.wait_closed()
    assert sibling.wait_closed()["leave_reason"] == "wamp.close.logout"
    assert clients.login(listener.url, cookie=alice.cookie).challenged
    assert not clients.login(listener.url, "bob", cookie=bob.cookie).challenged


def test_a_kill_with_another_reason_leaves_the_cookie_alone(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    alice = clients.login(listener.url)
    bob = clients.login(listener.url, "bob")
    bob.call("wamp.session.kill_by_authid", "alice", reason="com.example.maintenance")
    alice.wait_closed()
    assert not clients.login(listener.url, cookie=alice.cookie).challenged


def test_kill_by_authid_with_the_logout_reason_ends_every_cookie_of_the_user(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    phone, laptop = clients.login(listener.url), clients.login(listener.url)
    bob = clients.login(listener.url, "bob")
    bob.call("wamp.session.kill_by_authid", "alice", reason="wamp.close.logout")
    for device in (phone, laptop):
        device.wait_closed()
        assert clients.login(listener.url, cookie=device.cookie).challenged


def test_after_a_logout_the_same_connection_has_to_log_in_again(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    """Not behind a proxy: Crossbar's answers no second HELLO on a connection, whatever it says."""
    node = make_node(configs.router(configs.websocket(listener.port, LMDB)))
    node.start(listener.port)
    first = clients.login(listener.url)
    first.close()
    again = clients.open(listener.url, first.cookie, ("cookie",), stay=True)
    assert again.joined
    again.leave("wamp.close.logout")
    assert not again.join("cookie")["joined"]


def test_a_cookie_expires_on_the_server_although_the_client_keeps_it(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, {**LMDB, "max_age": 2})))
    node.start(listener.port)
    first = clients.login(listener.url)
    first.close()
    late = wait_for(
        lambda: (s := clients.login(listener.url, cookie=first.cookie)).challenged and s,
        "a challenge",
    )
    assert late.set_cookie is not None


def test_without_a_login_the_cookie_is_who_the_client_is(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    named, elsewhere = Listener(), Listener()
    anonymous = {"anonymous": {"type": "static", "role": "anonymous"}}
    explicit = {"anonymous": {"type": "static", "role": "anonymous", "authid": "visitor"}}
    node = make_node(
        place(
            configs.websocket(listener.port, LMDB, None),
            configs.websocket(named.port, LMDB, anonymous),
            configs.websocket(elsewhere.port, LMDB, explicit),
        )
    )
    node.start(listener.port, named.port, elsewhere.port)
    first = clients.open(listener.url)
    assert first.authid == id_of(first.cookie.partition("=")[2])
    for url in (listener.url, named.url):
        again = clients.open(url, first.cookie)
        assert again.set_cookie is None
        assert again.authid == first.authid
    assert clients.open(elsewhere.url, first.cookie).authid == "visitor"


def test_where_auth_cookie_is_not_offered_the_cookie_only_tracks(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    offering = Listener()
    login = {key: item for key, item in configs.LOGIN.items() if key != "cookie"}
    kept = {**LMDB, "rotate": False}
    node = make_node(
        configs.router(
            configs.websocket(listener.port, kept, login), configs.websocket(offering.port, kept)
        )
    )
    node.start(listener.port, offering.port)
    first = clients.open(listener.url, methods=("wampcra",), authid="alice", secret="alice-secret")
    assert first.authid == "alice"
    again = clients.login(offering.url, cookie=first.cookie)
    assert again.set_cookie is None
    assert again.challenged
