"""Logout, forced logout, expiry, and clients without a login."""

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import SharedNode
from tests.support.client import Clients
from tests.support.node import wait_for

pytestmark = pytest.mark.node


def test_a_kill_with_the_logout_reason_ends_the_cookie_and_its_siblings(
    shared: SharedNode, clients: Clients
) -> None:
    alice = clients.login(shared.url())
    sibling = clients.login(shared.url(), cookie=alice.cookie)
    bob = clients.login(shared.url(), "bob")

    killed = bob.call("wamp.session.kill", alice.session, reason="wamp.close.logout")
    assert killed is None
    alice.wait_closed()
    assert sibling.wait_closed()["leave_reason"] == "wamp.close.logout"
    assert clients.login(shared.url(), cookie=alice.cookie).challenged
    assert not clients.login(shared.url(), "bob", cookie=bob.cookie).challenged


def test_a_kill_with_another_reason_leaves_the_cookie_alone(
    shared: SharedNode, clients: Clients
) -> None:
    alice = clients.login(shared.url())
    bob = clients.login(shared.url(), "bob")
    bob.call("wamp.session.kill_by_authid", "alice", reason="com.example.maintenance")
    alice.wait_closed()
    assert not clients.login(shared.url(), cookie=alice.cookie).challenged


def test_kill_by_authid_with_the_logout_reason_ends_every_cookie_of_the_user(
    shared: SharedNode, clients: Clients
) -> None:
    phone, laptop = clients.login(shared.url()), clients.login(shared.url())
    bob = clients.login(shared.url(), "bob")
    bob.call("wamp.session.kill_by_authid", "alice", reason="wamp.close.logout")
    for device in (phone, laptop):
        device.wait_closed()
        assert clients.login(shared.url(), cookie=device.cookie).challenged


@pytest.mark.parametrize("shared", ["router"], indirect=True)
def test_after_a_logout_the_same_connection_has_to_log_in_again(
    shared: SharedNode, clients: Clients
) -> None:
    """Not behind a proxy: Crossbar's answers no second HELLO on a connection."""
    first = clients.login(shared.url())
    first.close()
    again = clients.open(shared.url(), first.cookie, ("cookie",), stay=True)
    assert again.joined
    again.leave("wamp.close.logout")
    assert not again.join("cookie")["joined"]


def test_a_cookie_expires_on_the_server_although_the_client_keeps_it(
    shared: SharedNode, clients: Clients
) -> None:
    first = clients.login(shared.url("short"))
    first.close()
    late = wait_for(
        lambda: (s := clients.login(shared.url("short"), cookie=first.cookie)).set_cookie and s,
        "another cookie",
    )
    assert late.challenged


def test_without_a_login_the_cookie_is_who_the_client_is(
    shared: SharedNode, clients: Clients
) -> None:
    first = clients.open(shared.url("open"))
    assert first.authid == id_of(first.cookie.partition("=")[2])
    for name in ("open", "anonymous"):
        again = clients.open(shared.url(name), first.cookie)
        assert again.set_cookie is None
        assert again.authid == first.authid
    assert clients.open(shared.url("visitor"), first.cookie).authid == "visitor"


def test_where_auth_cookie_is_not_offered_the_cookie_only_tracks(
    shared: SharedNode, clients: Clients
) -> None:
    tracking = shared.url("tracking")
    first = clients.open(tracking, methods=("wampcra",), authid="alice", secret="alice-secret")
    assert first.authid == "alice"
    again = clients.login(shared.url("lasting"), cookie=first.cookie)
    assert again.set_cookie is None
    assert again.challenged
