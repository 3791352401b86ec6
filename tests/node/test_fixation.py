"""
A cookie that its planter knows is worth nothing once a victim logs in over it; with `rotate` off it
is, and with "always" one that was stolen ends as well.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.node.conftest import SharedNode
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.rude import RudeClient
from tests.support.wamp import LOGOUT

pytestmark = pytest.mark.node

# The transports with each `rotate`: true, "always", false.
ROTATING = ("plain", "always")
VARIANTS = (*ROTATING, "lasting")
TICKET = configs.TICKETS["carol"]["ticket"]
# Connections of one browser at once.
TABS = 6

rotating = pytest.mark.parametrize("variant", ROTATING)
variants = pytest.mark.parametrize("variant", VARIANTS)


def by_password_alone(clients: Clients, url: str, cookie: str | None, **more: Any) -> Session:
    session = clients.open(url, cookie, ("wampcra",), "alice", "alice-secret", **more)
    assert (session.joined, session.challenged, session.authid) == (True, True, "alice")
    return session


def is_in_by(clients: Clients, url: str, cookie: str) -> bool:
    """Whether somebody who has the cookie is in by it, and by nothing else."""
    return clients.open(url, cookie, ("cookie",)).joined


@rotating
def test_a_planted_cookie_is_not_who_the_victim_logs_in_as(
    variant: str, shared: SharedNode, clients: Clients
) -> None:
    url = shared.url(variant)

    # Without a login: the planter holds a cookie and keeps its connection open.
    planter = clients.open(url, join=False)
    victim = by_password_alone(clients, url, planter.cookie)
    assert victim.set_cookie is not None, "a fresh one, that nobody else knows"
    assert not is_in_by(clients, url, planter.cookie)
    assert is_in_by(clients, url, victim.cookie)

    # With the planter's own login.
    mallory = clients.login(url, "bob")
    victim = by_password_alone(clients, url, mallory.cookie)
    assert mallory.wait_closed()["leave_reason"] == LOGOUT
    assert not is_in_by(clients, url, mallory.cookie), "neither as the victim nor as the planter"
    assert victim.call("wamp.session.get", victim.session)["authid"] == "alice"


@rotating
def test_a_cookie_that_was_kept_from_elsewhere_is_not_who_the_victim_logs_in_as(
    variant: str, shared: SharedNode, clients: Clients
) -> None:
    """A transport on the same store has made a record of it, and needs no login."""
    planter = clients.open(shared.url("anonymous"), join=False)
    victim = by_password_alone(clients, shared.url(variant), planter.cookie)
    assert victim.set_cookie is not None
    assert not is_in_by(clients, shared.url(variant), planter.cookie)


@rotating
def test_a_planted_cookie_does_not_get_the_login_of_the_same_name_in_another_realm(
    variant: str, shared: SharedNode, clients: Clients
) -> None:
    url = shared.url(variant)
    planter = clients.login(url)
    victim = by_password_alone(clients, url, planter.cookie, realm=configs.REALM2)
    assert planter.wait_closed()["leave_reason"] == LOGOUT
    for realm in (configs.REALM, configs.REALM2):
        assert not clients.open(url, planter.cookie, ("cookie",), realm=realm).joined
    assert victim.call("wamp.session.get", victim.session)["authid"] == "alice"


@pytest.mark.parametrize("variant", ["plain", "lasting"])
def test_whoever_logs_in_again_as_the_same_keeps_the_cookie(
    variant: str, shared: SharedNode, clients: Clients
) -> None:
    url = shared.url(variant)
    first = clients.login(url)
    again = by_password_alone(clients, url, first.cookie)
    assert again.set_cookie is None
    assert is_in_by(clients, url, first.cookie)
    assert not first.status()["closed"]


def test_a_stolen_value_ends_with_the_next_login_of_its_owner(
    shared: SharedNode, clients: Clients
) -> None:
    url = shared.url("always")
    first = clients.login(url)
    thief = clients.login(url, cookie=first.cookie)
    assert thief.authprovider == "cookie"

    # From the same browser, which has nothing but this cookie.
    again = by_password_alone(clients, url, first.cookie)
    assert thief.wait_closed()["leave_reason"] == LOGOUT
    assert not is_in_by(clients, url, first.cookie)
    assert again.call("wamp.session.get", again.session)["authid"] == "alice"

    # The next connection logs in once more, and has a value that the thief does not know.
    following = clients.login(url, cookie=first.cookie)
    assert following.challenged
    assert following.cookie != first.cookie
    assert is_in_by(clients, url, following.cookie)

    # Who has proved who it is ends the others, and is none of them, though its cookie has ended.
    assert again.call("cookietrack.my.revoke_others")["cookies"] >= 1
    assert following.wait_closed()["leave_reason"] == LOGOUT
    assert again.call("wamp.session.get", again.session)["authid"] == "alice"


@variants
def test_six_connections_at_once_after_a_login_stay_logged_in(
    variant: str, shared: SharedNode
) -> None:
    port = shared.port(variant)
    carol = f"carol@{configs.REALM}"
    with ExitStack() as stack, ThreadPoolExecutor(TABS) as pool:
        first = stack.enter_context(RudeClient(port))
        first.say_hello(carol, ["ticket"])
        first.prove(TICKET)
        come_back = lambda _: RudeClient(port, first.given).come_back(carol)  # noqa: E731
        for tab in pool.map(come_back, range(TABS)):
            assert stack.enter_context(tab).given is None


def test_rotation_can_be_turned_off(shared: SharedNode, clients: Clients) -> None:
    url = shared.url("lasting")
    first = clients.open(url, join=False)
    again = clients.login(url, cookie=first.cookie)
    assert again.set_cookie is None
    assert is_in_by(clients, url, first.cookie)


def test_without_rotation_a_login_of_another_takes_the_cookie_and_ends_who_was_in_by_it(
    shared: SharedNode, clients: Clients
) -> None:
    url = shared.url("lasting")
    bob = clients.login(url, "bob")
    alice = by_password_alone(clients, url, bob.cookie)
    assert alice.set_cookie is None
    assert bob.wait_closed()["leave_reason"] == LOGOUT
    assert clients.open(url, bob.cookie, ("cookie",)).authid == "alice"
