"""Connections, cookies and sessions of one worker, as the tracker finds them."""

import pytest
from attrs import evolve

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from tests.support.connections import FakeLink


class Room(Connections):
    """With connections that are made here."""

    def connect(self, number=None, auth=None, session=None):
        cookie = None if number is None else self.activate(make_cookie(number, auth), 0.0)
        connection = TrackedConnection(FakeLink(), cookie, Policy(60), 0, False, 0)
        self.add(connection)
        if session:
            self.join(connection, session)
        return connection


@pytest.fixture
def room():
    return Room()


JOE, ANN = make_auth("joe"), make_auth("ann")
JOE_ELSEWHERE = make_auth("joe", authrealm="realm2")


def test_a_cookie_is_active_while_a_connection_is_open_with_it(room):
    first, second = room.connect(1), room.connect(1)
    assert first.cookie is second.cookie
    assert len(room) == 1
    room.drop(first)
    assert room.of(make_id(1)) == [second]
    room.drop(second)
    room.drop(second)
    assert room.active(make_id(1)) is None
    assert len(room) == 0
    assert list(room) == []


def test_a_connection_that_parts_from_its_cookie_stays(room):
    connection = room.connect(1, JOE, session=JOE)
    room.part(connection)
    assert connection.id is None
    assert list(room) == [connection]
    assert room.ended_by(UserRevoked("joe", None)) == [connection]


def test_a_cookie_that_is_activated_again_is_another(room):
    first = room.connect(1)
    cookie = first.cookie
    room.part(first)
    second = room.connect(1)
    assert second.cookie is not cookie
    room.part(first)
    assert room.active(make_id(1)) is second.cookie


@pytest.mark.parametrize(
    ("revoked", "ended"),
    [
        (UserRevoked("joe", None), {"session", "elsewhere", "cookie", "bare"}),
        (UserRevoked("joe", "realm1"), {"session", "cookie", "bare"}),
        (UserRevoked("joe", "realm2"), {"elsewhere"}),
        (UserRevoked(None, "realm1"), {"session", "cookie", "bare", "ann"}),
        (UserRevoked("joe", "realm1", frozenset([make_id(1)])), {"cookie", "bare"}),
        (UserRevoked("jo", None), set()),
        (UserRevoked(None, None), {"session", "elsewhere", "cookie", "bare", "ann", "nobody"}),
        (
            UserRevoked(None, None, frozenset([make_id(1)])),
            {"elsewhere", "cookie", "bare", "ann", "nobody"},
        ),
    ],
)
def test_a_revocation_finds_sessions_and_cookies_of_the_user(room, revoked, ended):
    named = {
        "session": room.connect(1, JOE, session=JOE),
        "elsewhere": room.connect(2, JOE_ELSEWHERE, session=JOE_ELSEWHERE),
        "cookie": room.connect(3, JOE),
        "bare": room.connect(session=JOE),
        "ann": room.connect(4, ANN, session=ANN),
        "nobody": room.connect(5),
    }
    found = room.ended_by(revoked)
    assert len(found) == len(set(found))
    assert {name for name, each in named.items() if each in found} == ended


def test_a_session_that_left_is_not_found(room):
    connection = room.connect(session=JOE)
    room.leave(connection)
    room.leave(connection)
    assert room.ended_by(UserRevoked("joe", None)) == []


def test_another_session_takes_the_place_of_the_last(room):
    connection = room.connect(session=JOE)
    room.join(connection, ANN)
    assert room.ended_by(UserRevoked("joe", None)) == []
    assert room.ended_by(UserRevoked("ann", None)) == [connection]


def test_a_cookie_is_found_by_whoever_owns_it_now(room):
    connection = room.connect(1, JOE)
    room.update(connection.cookie, evolve(connection.cookie.record, auth=ANN))
    assert room.ended_by(UserRevoked("joe", None)) == []
    assert room.ended_by(UserRevoked("ann", None)) == [connection]


def test_an_owner_who_is_no_longer_is_remembered(room):
    """For as long as their sessions may be there."""
    cookie = room.connect(1, JOE).cookie
    for auth in (ANN, None, JOE_ELSEWHERE):
        room.update(cookie, evolve(cookie.record, auth=auth))
    assert cookie.former == {JOE.identity, ANN.identity}


@pytest.mark.parametrize("auth", [None, JOE])
def test_a_cookie_that_changes_when_its_connections_are_gone_belongs_to_nobody(room, auth):
    connection = room.connect(1, auth)
    cookie = connection.cookie
    room.drop(connection)
    for later in (ANN, None):
        room.update(cookie, evolve(cookie.record, auth=later))
    assert room._owners._items == {}


def test_nothing_is_left_of_those_who_are_gone(room):
    for _ in range(3):
        room.drop(room.connect(1, JOE, session=JOE))
        room.drop(room.connect(session=ANN))
    assert room._sessions._items == {}
    assert room._owners._items == {}


@pytest.mark.parametrize(
    ("method", "logged_in"), [("ticket", True), ("anonymous", False), ("anonymous-proxy", False)]
)
def test_an_anonymous_session_is_no_login(room, method, logged_in):
    connection = room.connect(session=evolve(JOE, authmethod=method))
    assert connection.is_logged_in() == logged_in
    assert not room.connect().is_logged_in()
