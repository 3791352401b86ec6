"""Nodes whose clocks are apart, and whose way to the store fails: what one ends is over on both."""

import time
from collections.abc import Callable, Iterator

import pytest

from benchmarks.load import wire
from cookietrack_plugin.record import Auth, Cookie, Create, UserRevoked
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.tracking.freshness import MAX_STALE_S
from tests.support.apart import Apart, Half
from tests.support.endings import ELSEWHERE_S, command
from tests.support.node import wait_for
from tests.support.rude import TICKET
from tests.support.sites import OPERATOR, Door
from tests.support.wamp import GOODBYE, LOGOUT

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]

NOT_STORED = "cookietrack.error.login_not_stored"
MANY = 10_000
# To a worker, after which it has read what was sent to it before.
ROUND_TRIPS = 20


@pytest.fixture(params=["right", "late"])
def half(request: pytest.FixtureRequest, apart: Apart) -> Iterator[Half]:
    """Whose clock is ahead of the other's, and whose is behind."""
    half = apart.halves[0 if request.param == "right" else 1]
    yield half
    half.link.release()


@pytest.fixture(params=["router", "proxy"])
def entrance(request: pytest.FixtureRequest, half: Half) -> Door:
    return half.doors[request.param]


# -- a user is revoked while a login is pending on the other node -------------------------------


def by_procedure(apart: Apart, half: Half, authid: str) -> None:
    half.operator.call("cookietrack.revoke_by_authid", authid)


def by_procedure_and_cut_off(apart: Apart, half: Half, authid: str) -> None:
    """Once it has answered, its node cannot look into the store again."""
    by_procedure(apart, half, authid)
    half.link.cut()


def by_command(apart: Apart, half: Half, authid: str) -> None:
    command(half.place.node, "--authid", authid)


@pytest.mark.parametrize("revoke", [by_procedure, by_procedure_and_cut_off, by_command])
def test_a_login_that_began_before_its_user_was_revoked_elsewhere_is_refused(
    revoke: Callable[[Apart, Half, str], None], half: Half, entrance: Door, apart: Apart
) -> None:
    user, elsewhere = apart.site.user(), apart.other(half)
    with entrance.client() as client:
        assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
        half.link.hold()
        client.send(wire.authenticate(TICKET))
        try:
            revoke(apart, elsewhere, user.partition("@")[0])
            half.link.release()
            answer = client.receive_login()
            assert (answer[0], answer[2]) == (wire.ABORT, NOT_STORED)
        finally:
            if elsewhere.link.is_cut:
                elsewhere.link.mend()
                wait_for(lambda: is_well(elsewhere), "its store answers again")
        wait_for(lambda: is_well(half), "its store answers")
        with entrance.client(client.given) as again:
            assert again.say_hello(user)[0] == wire.CHALLENGE


def test_until_its_login_is_stored_a_client_is_not_in(
    half: Half, entrance: Door, apart: Apart
) -> None:
    user, other = apart.site.user(), entrance.client().log_in(apart.site.user())
    authid, observer = user.partition("@")[0], entrance.observer
    with other, entrance.client() as client:
        assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
        half.link.hold()
        client.send(wire.authenticate(TICKET), client.babble(user))
        for _ in range(ROUND_TRIPS):
            assert other.answers()
        observer.catch_up()
        assert not observer.heard_of(user)
        assert authid not in dict(observer.joined)
        half.link.release()
        assert client.receive_login()[0] == wire.WELCOME
        observer.catch_up()
        assert authid in dict(observer.joined)


def is_well(half: Half) -> bool:
    """Whether its workers take clients, and know what others revoke."""
    output = half.place.node.output()
    if output.count(UNKNOWN) != output.count(KNOWN):
        return False
    clients = [door.client() for door in half.doors.values()]
    for client in clients:
        client.close()
    return all(client.status == 101 for client in clients)


def test_a_login_after_the_revocation_of_its_user_is_good(
    half: Half, entrance: Door, apart: Apart
) -> None:
    """As soon as its worker knows of the revocation."""
    user, authid = apart.site.user(), apart.site.user().partition("@")[0]
    with entrance.client().log_in(user) as before:
        by_procedure(apart, apart.other(half), user.partition("@")[0])
        wait_for(lambda: before.has_received(GOODBYE), "it is ended", ELSEWHERE_S)
        with entrance.client().log_in(user) as after:
            by_procedure(apart, apart.other(half), authid)
            assert after.answers()
            with entrance.client(after.given) as again:
                again.come_back(user)


def let_hear(door: Door, elsewhere: Half, apart: Apart) -> None:
    """Until its worker has heard of all that was revoked so far."""
    user = apart.site.user()
    with door.client().log_in(user) as last:
        by_procedure(apart, elsewhere, user.partition("@")[0])
        wait_for(lambda: last.has_received(GOODBYE), "it has heard of the last one", ELSEWHERE_S)


# -- who is not revoked stays -------------------------------------------------------------------


def test_a_login_in_one_realm_is_not_ended_by_a_revocation_in_another(
    half: Half, entrance: Door, apart: Apart
) -> None:
    user = apart.site.user("realm1")
    with entrance.client() as client, half.doors["router"].client().log_in(OPERATOR) as operator:
        assert client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
        half.link.hold()
        revoke = "cookietrack.revoke_by_authid", [user.partition("@")[0], "realm2"]
        operator.send(operator.message(wire.CALL, {}, *revoke))
        assert half.operator.call("wamp.session.count") > 0
        client.send(wire.authenticate(TICKET))
        half.link.release()
        assert operator.receive()[0] == wire.RESULT
        assert client.receive_login()[0] == wire.WELCOME
        let_hear(entrance, apart.other(half), apart)
        assert client.answers()
        with entrance.client(client.given) as again:
            again.come_back(user)


def test_who_ends_his_other_devices_keeps_this_one_and_its_pending_login(
    half: Half, entrance: Door, apart: Apart
) -> None:
    user = apart.site.user()
    with (
        entrance.client().log_in(user) as caller,
        entrance.client().log_in(user) as other,
        entrance.client(caller.given) as tab,
    ):
        assert tab.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
        half.link.hold()
        caller.send(caller.message(wire.CALL, {}, "cookietrack.my.revoke_others"))
        assert half.operator.call("wamp.session.count") > 0
        tab.send(wire.authenticate(TICKET))
        half.link.release()
        answer = caller.receive()
        assert answer[0] == wire.RESULT, answer
        assert answer[3][0]["cookies"] == 1
        wait_for(lambda: other.has_received(GOODBYE), "the other one is ended", ELSEWHERE_S)
        assert tab.receive_login()[0] == wire.WELCOME
        let_hear(entrance, apart.other(half), apart)
        assert tab.answers()
        assert caller.answers()
        with entrance.client(caller.given) as again:
            again.come_back(user)


# -- what one node ends is over on the other ----------------------------------------------------


def test_a_logout_on_one_node_ends_the_connections_on_the_other(
    half: Half, entrance: Door, apart: Apart
) -> None:
    user, there = apart.site.user(), apart.other(half).doors["proxy"]
    with (
        entrance.client().log_in(user) as leaving,
        there.client().log_in(apart.site.user()) as stranger,
        there.client(leaving.given).come_back(user) as sibling,
        there.client(leaving.given) as late,
    ):
        assert leaving.log_out()[0] == GOODBYE
        assert late.given is None
        said, _ = sibling.wait_closed()
        assert [(message[0], message[2]) for message in said] == [(GOODBYE, LOGOUT)]
        with there.client(leaving.given) as after:
            assert after.given is not None
        assert stranger.answers()


def test_the_command_on_one_node_ends_a_user_on_both(half: Half, apart: Apart) -> None:
    user = apart.site.user()
    doors = [door for each in apart.halves for door in each.doors.values()]
    clients = [door.client().log_in(user) for door in doors]
    with apart.other(half).doors["router"].client().log_in(apart.site.user()) as stranger:
        done = command(half.place.node, "--authid", user.partition("@")[0])
        assert "4 cookies ended" in done
        for client in clients:
            said, _ = client.wait_closed()
            assert [(message[0], message[2]) for message in said] == [(GOODBYE, LOGOUT)]
            for door in doors:
                with door.client(client.given) as again:
                    assert again.say_hello(user)[0] == wire.CHALLENGE
            client.close()
        assert stranger.answers()


# -- a node that is cut off from the store ------------------------------------------------------

WORKERS = 2
UNKNOWN = "revocations of other workers are not known"
KNOWN = "revocations of other workers are known again"


@pytest.mark.parametrize("half", ["right"], indirect=True)
def test_a_node_that_is_cut_off_from_the_store_lets_nobody_in_by_what_it_knew(
    half: Half, entrance: Door, apart: Apart
) -> None:
    """A HELLO that comes long after its handshake: the cookie may have been ended elsewhere."""
    user, node = apart.site.user(), half.place.node
    wait_for(lambda: takes_logins(entrance, user), "what other tests have cut is mended")
    wait_for(lambda: node.output().count(KNOWN) == node.output().count(UNKNOWN), "it knows all")
    before = len(node.output())

    def is_said(what: str) -> bool:
        return node.output()[before:].count(what) >= WORKERS

    with (
        entrance.client().log_in(user) as first,
        entrance.client(first.given) as early,
        entrance.client(first.given) as late,
    ):
        half.link.hold()
        wait_for(lambda: is_said(UNKNOWN), "it")
        time.sleep(MAX_STALE_S)
        assert early.say_hello(user)[0] == wire.CHALLENGE
        half.link.release()
        wait_for(lambda: is_said(KNOWN), "it again")
        wait_for(lambda: lets_in(entrance, first.given, user), "its cookie is looked up again")
        late.come_back(user)
        assert first.answers()


def takes_logins(door: Door, user: str) -> bool:
    with door.client() as client:
        return (
            client.status == 101
            and client.say_hello(user, ["ticket"])[0] == wire.CHALLENGE
            and client.prove()[0] == wire.WELCOME
        )


def lets_in(door: Door, cookie: str | None, user: str) -> bool:
    with door.client(cookie) as client:
        return client.status == 101 and client.say_hello(user)[0] == wire.WELCOME


# -- clocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["router", "proxy"])
def test_a_node_whose_clock_is_behind_shortens_no_record(name: str, apart: Apart) -> None:
    right, late = (half.doors[name] for half in apart.halves)
    user = apart.site.user()
    with right.client(demand="patient").log_in(user) as first:
        [before] = apart.store.load([first.cookie_id]).values()
        with late.client(first.given, "patient").come_back(user) as tab:
            assert tab.answers()
        after = wait_for(lambda: touched(apart, before), "the tab is noted")
        assert after.expires >= before.expires
        assert after.seen >= before.seen
        with right.client(first.given, "patient") as again:
            again.come_back(user)
        assert first.answers()


def touched(apart: Apart, before: Cookie) -> Cookie | None:
    """The record, once it is another one."""
    [cookie] = apart.store.load([before.id]).values()
    return cookie if cookie != before else None


def test_a_login_at_one_node_is_good_at_the_other(half: Half, entrance: Door, apart: Apart) -> None:
    user = apart.site.user()
    with entrance.client(demand="patient").log_in(user) as first:
        for door in apart.other(half).doors.values():
            with door.client(first.given, "patient") as again:
                again.come_back(user)


# -- many cookies of one user -------------------------------------------------------------------


def test_ten_thousand_cookies_of_a_user_are_ended_with_one_entry_in_the_feed(apart: Apart) -> None:
    user = apart.site.user()
    authid, _, realm = user.partition("@")
    now, auth = int(time.time() * 1000), Auth(authid, "user", "ticket", realm)
    ids = [f"{authid:_<12}{number:012d}" for number in range(MANY)]
    for start in range(0, MANY, 1000):
        cookies = [Cookie(id, now, now + 10**8, now, auth=auth) for id in ids[start : start + 1000]]
        assert all(apart.store.commit([Create(cookie) for cookie in cookies]))
    before, (_, cursor) = apart.entries(), apart.store.revoked_since(None)
    with apart.halves[1].doors["router"].client().log_in(user) as client:
        answer = apart.halves[0].operator.call("cookietrack.revoke_by_authid", authid)
        assert answer["cookies"] == MANY + 1
        wait_for(lambda: client.has_received(GOODBYE), "it is ended elsewhere", ELSEWHERE_S)
    assert list(records(apart.store, authid)) == []
    told, _ = apart.store.revoked_since(cursor)
    assert list(told) == [UserRevoked(authid, None)]
    assert apart.entries() - before == 1
