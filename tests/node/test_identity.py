"""Who is in is a session's identity, `(authid, authrealm)`, and not the cookie it came with."""

from collections.abc import Callable

import pytest

from benchmarks.load import wire
from tests.support.endings import ELSEWHERE_S, command
from tests.support.node import wait_for
from tests.support.rude import RudeClient, hello
from tests.support.sites import Door, Site
from tests.support.wamp import GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

Revoke = Callable[[Site, str], int]


def by_procedure(site: Site, authid: str) -> int:
    return site.operator.call("cookietrack.revoke_by_authid", authid)["cookies"]


def by_command(site: Site, authid: str) -> int:
    return int(command(site.places[0].node, "--authid", authid).split()[0])


@pytest.fixture(params=[by_procedure, by_command])
def revoke(request: pytest.FixtureRequest) -> Revoke:
    return request.param


def name_of(user: str) -> str:
    return user.partition("@")[0]


def check_ended(client: RudeClient, door: Door) -> None:
    """It is told so, and the router does not have it."""
    wait_for(lambda: client.has_received(GOODBYE), "GOODBYE", ELSEWHERE_S)
    wait_for(lambda: client.session not in door.observer.sessions(), "it is off", ELSEWHERE_S)


# -- a HELLO changes nothing --------------------------------------------------------------------


def unanswered(door: Door, cookie: str, user: str) -> RudeClient:
    """It does not offer the cookie, and leaves the challenge."""
    client = door.client(cookie)
    assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
    return client


def wrong(door: Door, cookie: str, user: str) -> RudeClient:
    client = unanswered(door, cookie, user)
    assert client.prove("another-ticket")[0] == wire.ABORT
    return client


def anonymous(door: Door, cookie: str, user: str) -> RudeClient:
    client = door.client(cookie, "visited")
    realm = user.partition("@")[2]
    assert client.say_hello(f"@{realm}", ["anonymous"])[2]["authmethod"] == "anonymous"
    return client


@pytest.mark.parametrize("greet", [unanswered, wrong, anonymous])
def test_a_hello_that_does_not_offer_the_cookie_takes_no_login_off_it(
    greet: Callable[[Door, str, str], RudeClient], door: Door, site: Site
) -> None:
    user = site.user()
    with door.client().log_in(user) as first:
        assert first.given is not None
        with greet(door, first.given, user), door.client(first.given) as again:
            assert again.come_back(user).given is None


def test_who_is_in_by_a_cookie_is_ended_whatever_hello_came_over_it(
    revoke: Revoke, door: Door, site: Site
) -> None:
    user = site.user()
    with door.client().log_in(user) as first:
        assert first.given is not None
        with (
            door.client(first.given).come_back(user) as tab,
            unanswered(door, first.given, user),
        ):
            assert revoke(site, name_of(user)) == 1
            check_ended(tab, door)
            check_ended(first, door)


# -- sessions without a record ------------------------------------------------------------------


def test_a_login_on_the_cookie_of_another_user_is_ended_with_its_user(
    revoke: Revoke, door: Door, site: Site
) -> None:
    ann, joe = site.user(), site.user()
    with door.client().log_in(ann) as hers, door.client(hers.given) as his:
        his.log_in(joe)
        with door.client(hers.given) as after:
            assert after.say_hello(ann)[0] == wire.CHALLENGE, "the cookie is nobody's any more"
        assert revoke(site, name_of(joe)) == 0
        check_ended(his, door)


@pytest.mark.parametrize("door", ["router"], indirect=True)
def test_a_login_after_a_logout_on_one_connection_is_ended_with_its_user(
    revoke: Revoke, door: Door, site: Site
) -> None:
    """Not behind a proxy: Crossbar's takes no second HELLO on a connection."""
    user = site.user()
    with door.client().log_in(user) as client:
        assert client.log_out()[0] == GOODBYE
        client.log_in(user)
        assert client.answers()
        revoke(site, name_of(user))
        check_ended(client, door)


# -- one authid in two realms -------------------------------------------------------------------


def test_a_planted_cookie_does_not_get_the_login_of_the_same_name_in_another_realm(
    door: Door, site: Site
) -> None:
    planter = site.user("realm1")
    victim = f"{name_of(planter)}@realm2"
    with door.client().log_in(planter) as first, door.client(first.given) as second:
        second.log_in(victim)
        with door.client(first.given) as planted:
            assert planted.say_hello(victim, ["cookie"])[0] == wire.ABORT
        check_ended(first, door)


def test_a_user_is_ended_in_one_realm_and_stays_in_the_other(door: Door, site: Site) -> None:
    one = site.user("realm1")
    two = f"{name_of(one)}@realm2"
    with door.client().log_in(one) as stays, door.client().log_in(two) as goes:
        answer = site.operator.call("cookietrack.revoke_by_authid", *two.split("@"))
        assert answer["cookies"] == 1
        wait_for(lambda: goes.has_received(GOODBYE), "GOODBYE", ELSEWHERE_S)
        assert stays.answers()
        with door.client(stays.given) as again:
            again.come_back(one)


# -- cookies that only track --------------------------------------------------------------------


def test_a_cookie_that_only_tracks_is_kept_by_every_reconnect(door: Door, site: Site) -> None:
    user = site.user()
    with door.client(demand="tracking").log_in(user) as first:
        assert first.given is not None
        for _ in range(3):
            with door.client(first.given, "tracking") as again:
                assert again.given is None
                assert again.say_hello(user)[0] == wire.CHALLENGE
                again.prove()


# -- messages behind each other -----------------------------------------------------------------


def test_a_second_proof_behind_the_first_joins_nobody_twice(door: Door, site: Site) -> None:
    user = site.user()
    with door.client() as client:
        assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
        proof = wire.authenticate("a-ticket")
        client.send(proof, proof)
        assert client.receive_login()[0] == wire.WELCOME
        check_joined_once(client, user, door)


def test_a_login_behind_a_login_joins_nobody_twice(door: Door, site: Site) -> None:
    user = site.user()
    with door.client() as client:
        greeting, proof = hello(user, ["ticket"]), wire.authenticate("a-ticket")
        client.send(greeting, proof, greeting, proof)
        answers = [client.receive_login()]
        while answers[-1][0] == wire.CHALLENGE:
            answers.append(client.receive_login())
        assert answers[-1][0] in (wire.WELCOME, wire.ABORT)
        check_joined_once(client, user, door)


def check_joined_once(client: RudeClient, user: str, door: Door) -> None:
    """At most one session has joined, even if the client got other messages too."""
    door.observer.catch_up()
    joined = [authid for authid, _ in door.observer.joined if authid == name_of(user)]
    assert len(joined) <= 1
