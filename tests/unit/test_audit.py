"""The audit log of a tracker, and of a router: who, when, by whom, and never a value."""

import json
import re

import pytest
from autobahn.wamp.message import Abort, Challenge, Goodbye
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.audit.entry import MAX_TEXT, Actor, By, Entry
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Delete, UserRevoked, stores_login
from cookietrack_plugin.router.gate import NOT_AUDITED
from cookietrack_plugin.testing.samples import NOW
from cookietrack_plugin.tracking.audit import WAIT_S
from cookietrack_plugin.tracking.lifetime import EXPIRED
from cookietrack_plugin.tracking.revocation import LOGOUT
from cookietrack_plugin.tracking.trail import NotAudited
from tests.support.connections import FakeLink
from tests.support.trackers import DAY

pytest_plugins = ["tests.support.routers"]

PEER = FakeLink.peer
ROTATES = Policy(DAY, rotates=True)


class FakeTrail:
    """`lines`: what was written. `answer`: what its writer waits for."""

    def __init__(self, required=False):
        self.required = required
        self.lines = []
        self.answer = lambda: succeed(None)

    def write(self, line):
        self.lines.append(line)
        return self.answer()

    def close(self):
        return succeed(None)

    @property
    def entries(self):
        return [json.loads(line) for line in self.lines]

    @property
    def events(self):
        return [each["event"] for each in self.entries]

    def last(self, *keys):
        return tuple(self.entries[-1][key] for key in keys)


@pytest.fixture
def trail():
    return FakeTrail()


@pytest.fixture
def audited(tracked, trail):
    """A tracker with an audit log."""
    tracked.tracker.audit.add(trail)
    return tracked


class TestALine:
    def test_has_all_keys_in_one_order(self):
        actor = Actor(By.OPERATOR, "root", "admin")
        entry = Entry(NOW, "revoked", "the-id", "joe", "realm1", PEER, actor, LOGOUT)
        assert list(json.loads(entry.line()).items()) == [
            ("time", "2100-01-01T00:00:00.000Z"),
            ("event", "revoked"),
            ("id", "the-id"),
            ("authid", "joe"),
            ("authrealm", "realm1"),
            ("peer", PEER),
            ("by", "operator"),
            ("by_authid", "root"),
            ("by_authrealm", "admin"),
            ("reason", LOGOUT),
        ]

    def test_has_null_for_what_is_not_known(self):
        found = json.loads(Entry(NOW, "started").line())
        assert {key for key, value in found.items() if value is None} == {
            *("id", "authid", "authrealm", "peer", "by", "by_authid", "by_authrealm", "reason")
        }

    @pytest.mark.parametrize("text", ["a\nb", "a\u2028b", "\ud800", "\x00", '"}'])
    def test_is_one_line_whatever_a_client_calls_itself(self, text):
        line = Entry(NOW, "login", authid=text).line()
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["authid"] == text

    def test_is_not_as_long_as_a_client_likes(self):
        line = Entry(NOW, "denied", authid="x" * 10**6).line()
        assert json.loads(line)["authid"] == "x" * MAX_TEXT + "…"


class TestWhatIsWritten:
    def test_of_a_new_client_and_its_login(self, audited, trail):
        id, link = audited.visit()
        assert trail.entries == [
            {
                "time": "2100-01-01T00:00:00.000Z",
                "event": "created",
                "id": id,
                "authid": None,
                "authrealm": None,
                "peer": PEER,
                "by": "client",
                "by_authid": None,
                "by_authrealm": None,
                "reason": None,
            }
        ]
        audited.log_in(link)
        assert trail.last("event", "id", "authid", "authrealm", "peer", "by", "reason") == (
            *("authenticated", id, "joe", "realm1", PEER, "client", "ticket"),
        )

    def test_of_a_logout(self, audited, trail):
        id, link = audited.enter()
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        found = trail.last("event", "id", "authid", "by", "by_authid", "by_authrealm", "reason")
        assert found == ("revoked", id, "joe", "client", "joe", "realm1", LOGOUT)

    def test_of_a_logout_without_a_cookie(self, audited, trail):
        _, link = audited.enter()
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        audited.log_in(link, stores=False)
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        assert trail.events.count("revoked") == 2
        assert trail.last("id", "authid", "by") == (None, "joe", "client")

    def test_of_an_operator_with_their_name(self, audited, trail):
        id, _ = audited.enter()
        actor = Actor(By.OPERATOR, "root", "admin")
        audited.reactor.result_of(audited.tracker.revoke([id], actor))
        found = trail.last("event", "id", "authid", "peer", "by", "by_authid", "by_authrealm")
        assert found == ("revoked", id, "joe", PEER, "operator", "root", "admin")

    def test_of_the_end_of_a_user(self, audited, trail):
        id, _ = audited.enter()
        actor = Actor(By.OPERATOR, "root", "admin")
        ended = audited.tracker.revoke_user("joe", None, frozenset(), actor)
        audited.reactor.result_of(ended)
        found = [each for each in trail.entries if each["event"] == "revoked"]
        assert {each["id"] for each in found} == {id, None}
        assert {each["authid"] for each in found} == {"joe"}
        assert {each["by_authid"] for each in found} == {"root"}

    def test_of_a_session_that_is_killed_with_the_logout_reason(self, audited, trail):
        id, link = audited.enter()
        audited.reactor.result_of(audited.tracker.kill(link.connection, LOGOUT))
        assert trail.last("event", "id", "by") == ("revoked", id, "router")

    def test_of_a_session_that_is_killed_with_another_reason_and_whose_cookie_stays(
        self, audited, trail
    ):
        id, link = audited.enter()
        audited.reactor.result_of(audited.tracker.kill(link.connection, "com.example.bye"))
        found = trail.last("event", "id", "authid", "by", "reason")
        assert found == ("killed", id, "joe", "router", "com.example.bye")
        _, link = audited.visit()
        audited.reactor.result_of(audited.tracker.kill(link.connection, "com.example.bye"))
        assert trail.events[-1] == "created"

    def test_of_what_another_node_has_ended(self, audited, trail):
        id, _ = audited.enter()
        audited.tracker._revoker.revoked_remotely(id, None)
        assert trail.last("event", "id", "authid", "by") == ("revoked", id, "joe", "elsewhere")
        id, _ = audited.enter("ann")
        audited.tracker._revoker.user_revoked_remotely(UserRevoked("ann", None))
        audited.reactor.turn()
        assert trail.last("event", "id", "authid", "by") == ("revoked", id, "ann", "elsewhere")

    def test_of_a_lifetime_that_is_over(self, audited, trail):
        id, _ = audited.enter()
        audited.reactor.advance(DAY + 1)
        audited.reactor.turn_until(lambda: "expired" in trail.events)
        found = trail.last("event", "id", "authid", "by", "reason")
        assert found == ("expired", id, "joe", "clock", EXPIRED)

    def test_of_a_lifetime_that_is_over_without_a_cookie(self, audited, trail):
        _, link = audited.enter()
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        audited.log_in(link, stores=False)
        audited.reactor.advance(DAY + 1)
        audited.reactor.turn_until(lambda: "expired" in trail.events)
        assert trail.last("id", "authid", "by") == (None, "joe", "clock")

    def test_of_what_a_policy_does(self, audited, trail):
        id, _ = audited.visit()
        audited.visit(id, policy=ROTATES)
        assert trail.events == ["created", "rotated", "created"]
        assert trail.entries[1]["by"] == "policy"
        own, link = audited.enter("ann", policy=ROTATES)
        _, link = audited.visit(own, policy=ROTATES)
        audited.log_in(link, "joe")
        found = trail.last("event", "id", "authid", "by", "by_authid")
        assert found == ("revoked", own, "ann", "policy", "joe")

    def test_of_a_handshake_that_the_store_does_not_answer(self, audited, trail):
        audited.store.fail_commits()
        with pytest.raises(StoreUnavailable):
            audited.reactor.result_of(audited.admit())
        assert trail.last("event", "peer", "by") == ("refused", PEER, "store")
        audited.store.recover()

    def test_once_in_each_log(self, audited, trail):
        other = FakeTrail()
        for each in (trail, other, other):
            audited.tracker.audit.add(each)
        audited.visit()
        assert trail.events == other.events == ["created"]


class TestALogThatIsNotRequired:
    def test_keeps_nobody_from_anything(self, audited, trail):
        trail.answer = lambda: fail(NotAudited("the disk is full"))
        id, link = audited.enter()
        assert audited.sessions() == {"joe"}
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        assert id not in audited.store.cookies

    def test_is_waited_for_by_nobody(self, audited, trail):
        trail.answer = Deferred
        id, link = audited.enter()
        audited.reactor.result_of(audited.tracker.log_out(link.connection))
        assert id not in audited.store.cookies


class TestARouter:
    """The same through sessions as Crossbar makes them."""

    @pytest.fixture
    def audit(self, router, trail):
        router.tracker.audit.add(trail)
        return trail

    def test_has_a_line_for_each_session_before_it_joins(self, router, audit):
        joined_by = []
        router.realm.attaching = lambda: joined_by.append(audit.events[:])
        client = router.enter()
        assert joined_by == [["created", "login", "authenticated"]]
        login = audit.entries[1]
        assert [login[key] for key in ("authid", "authrealm", "by_authid", "reason")] == [
            *("joe", "realm1", "joe", "ticket"),
        ]
        assert login["peer"] == client.protocol.peer
        again = router.connect(client.cookie)
        router.log_in(again)
        assert audit.events == ["created", "login", "authenticated", "resumed"]
        assert audit.last("id", "authid") == (login["id"], "joe")

    def test_has_none_for_anonymous_sessions(self, make_router, trail):
        router = make_router(("anonymous",))
        router.tracker.audit.add(trail)
        router.enter()
        assert trail.events == ["created"]

    def test_has_one_for_a_login_that_is_refused(self, router, audit):
        client = router.connect()
        client.hello()
        router.until(client, Challenge)
        client.authenticate("wrong")
        router.until(client, Abort)
        found = audit.last("event", "id", "authid", "authrealm", "by", "reason")
        id = client.protocol._cbtid
        reason = client.frames[-1].reason
        assert found == ("denied", id, "joe", "realm1", "authenticator", reason)
        assert reason.startswith("wamp.error.")

    def test_has_one_for_a_login_that_cannot_be_stored(self, router, audit):
        client = router.connect()
        router.store.fail_commits(of=stores_login)
        client.hello()
        router.until(client, Challenge)
        client.authenticate()
        router.reactor.turn_until(lambda: "denied" in audit.events)
        assert audit.last("authid", "by") == ("joe", "store")
        assert audit.events[-2:] == ["login", "denied"]

    def test_never_writes_a_value(self, router, audit):
        client = router.enter()
        router.log_in(router.connect(client.cookie))
        client.log_out()
        router.until(client, Goodbye)
        value = re.search("=(.*)", client.cookie)[1]
        assert value not in "".join(audit.lines)
        assert audit.events[-1] == "revoked"


class TestALogThatIsRequired:
    @pytest.fixture
    def required(self, router):
        trail = FakeTrail(required=True)
        router.tracker.audit.add(trail)
        return trail

    @pytest.fixture
    def challenged(self, router):
        client = router.connect()
        client.hello()
        router.until(client, Challenge)
        return client

    def refused(self, router, client):
        router.reactor.turn_until(lambda: Abort in client.said)
        [abort] = [each for each in client.frames if isinstance(each, Abort)]
        assert (abort.reason, abort.message) == (NOT_AUDITED, "the login cannot be audited")
        assert router.realm.authids == []
        assert [each for each in router.store.changes if stores_login(each)] == []

    def test_is_waited_for_by_a_login(self, router, required, challenged):
        written = Deferred()
        required.answer = lambda: written
        challenged.authenticate()
        router.reactor.turn()
        assert router.realm.authids == []
        required.answer = lambda: succeed(None)
        written.callback(None)
        router.reactor.turn_until(lambda: router.realm.authids == ["joe"])

    def test_lets_nobody_in_whose_line_is_not_written(self, router, required, challenged):
        required.answer = lambda: fail(NotAudited("the disk is full"))
        challenged.authenticate()
        self.refused(router, challenged)

    def test_waits_no_longer_than_that(self, router, required, challenged):
        required.answer = Deferred
        challenged.authenticate()
        router.reactor.turn()
        router.reactor.advance(WAIT_S)
        self.refused(router, challenged)

    @pytest.mark.parametrize("by_cookie", [False, True])
    def test_lets_nobody_in_who_is_revoked_while_the_line_is_written(
        self, router, required, by_cookie
    ):
        first = router.enter()
        client = router.connect(*([first.cookie] if by_cookie else []))
        written = Deferred()
        required.answer = lambda: written
        client.hello()
        if not by_cookie:
            router.until(client, Challenge)
            client.authenticate()
        router.reactor.turn_until(lambda: required.events[-1] in ("login", "resumed"))
        required.answer = lambda: succeed(None)
        router.revoke_user("joe")
        router.reactor.turn_until(lambda: Goodbye in first.said)
        written.callback(None)
        router.reactor.turn_until(lambda: Abort in client.said)
        assert router.realm.authids == []

    def test_lets_nobody_in_by_a_cookie_either(self, router, required):
        client = router.enter()
        required.answer = lambda: fail(NotAudited("the disk is full"))
        again = router.connect(client.cookie)
        again.hello()
        router.reactor.turn_until(lambda: Abort in again.said)
        assert router.realm.authids == ["joe"]

    def test_keeps_nobody_from_logging_out(self, router, required):
        client = router.enter()
        required.answer = lambda: fail(NotAudited("the disk is full"))
        client.log_out()
        router.until(client, Goodbye)
        assert any(isinstance(each, Delete) for each in router.store.changes)
        assert router.store.cookies == {}

    def test_keeps_nobody_out_who_is_anonymous(self, make_router):
        router = make_router(("anonymous",))
        trail = FakeTrail(required=True)
        router.tracker.audit.add(trail)
        trail.answer = lambda: fail(NotAudited("the disk is full"))
        router.enter()
