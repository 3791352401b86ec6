"""The gate before a session: who joins has a login that is durable, and nobody else joins."""

import pytest
from attrs import evolve
from autobahn.wamp.message import (
    Abort,
    Authenticate,
    Call,
    Challenge,
    Error,
    Event,
    Goodbye,
    Register,
    Result,
    Welcome,
)
from autobahn.wamp.types import Accept
from twisted.internet.defer import Deferred

from cookietrack_plugin import record
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.gate import NOT_STORED
from cookietrack_plugin.testing.samples import NOW, make_cookie
from tests.support.protocols import make_hello, make_publish, without_cookie
from tests.support.realm import SECRET

pytest_plugins = ["tests.support.routers"]

PROTOCOL_ERROR, POLICY_VIOLATION, INTERNAL_ERROR = 1002, 1008, 1011


def logins(store):
    """Those that were stored, in order."""
    changes = [change for change in store.changes if record.stores_login(change)]
    return [record.after(store.cookies.get(change.id), change).auth for change in changes]


@pytest.fixture
def challenged(router):
    """A client that was challenged."""
    client = router.connect()
    client.hello()
    router.until(client, Challenge)
    return client


class TestALogin:
    def test_is_durable_before_the_session_joins_and_before_welcome(
        self, router, challenged, store, reactor
    ):
        stored_when_attached = []
        router.realm.attaching = lambda: stored_when_attached.extend(logins(store))
        store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(store.commits.reached())
        reactor.turn()
        assert challenged.said == [Challenge]
        assert router.realm.authids == router.realm.meta == []
        store.commits.open()
        router.until(challenged, Welcome)
        assert router.realm.authids == ["joe"]
        assert stored_when_attached == [Auth("joe", "user", "ticket", "realm1", at=NOW)]
        assert store.cookies[challenged.protocol._cbtid].auth.authid == "joe"

    @pytest.mark.parametrize("methods", [("ticket",), ("anonymous",), ("anonymous", "cookie")])
    def test_is_not_stored_where_the_cookie_only_tracks(self, make_router, methods):
        router = make_router(methods)
        client = router.enter()
        assert client.said[-1] is Welcome
        assert logins(router.store) == []

    def test_by_a_cookie_is_not_stored_again(self, router, store):
        first = router.enter()
        again = router.connect(first.cookie)
        router.log_in(again)
        assert again.said == [Welcome]
        assert len(logins(store)) == 1

    def test_without_a_cookie_joins_at_once(self, make_router):
        router = make_router(on_failure="anonymous")
        client = without_cookie(router)
        router.log_in(client)
        assert client.protocol._cbtid is None
        assert router.realm.authids == ["joe"]


class TestTheAuthextraOfALogin:
    @pytest.fixture
    def store_extra(self, make_router):
        def store_extra(extra):
            router = make_router(("cookie", "scripted"))
            router.answers(Accept("realm1", "joe", "user", "scripted", "static", extra))
            client = router.connect()
            client.hello(methods=("scripted",))
            router.until(client, Welcome)
            [auth] = logins(router.store)
            return auth.authextra

        return store_extra

    def test_is_stored_but_for_what_ends_with_the_connection(self, store_extra):
        """Crossbar puts the peer's port into it, for example."""
        extra = {"x_cb_node": "n", "x_cb_peer": "tcp4:1.2.3.4:5", "team": 5}
        assert store_extra(extra) == {"team": 5}
        assert store_extra({"x_cb_pid": 7}) is None
        assert store_extra(None) is None

    def test_may_have_keys_that_are_no_strings(self, store_extra):
        assert store_extra({5: "x", "x_cb_": 1}) == {5: "x"}

    def test_is_copied(self, store_extra):
        """Crossbar changes the mapping later."""
        extra = {"teams": ["a"]}
        stored = store_extra(extra)
        extra["teams"].append("b")
        assert stored == {"teams": ["a"]}


def claiming(router, extra):
    """A client that is in by a ticket, whose authextra is what it said in HELLO."""
    client = router.connect()
    hello = make_hello(methods=("ticket",))
    hello.authextra = dict(extra)
    client.send(hello)
    router.until(client, Challenge)
    client.authenticate()
    router.until(client, Welcome)
    return client


def test_a_client_does_not_say_by_which_connection_it_came(make_router):
    """Crossbar takes `transport` for that of a proxy's client, in the session's details."""
    router = make_router(("cookie", "ticket"))
    forged = {"transport": {"http_cbtid": "x" * 24, "peer": "tcp4:192.0.2.9:1"}, "team": 5}
    client = claiming(router, {**forged, "x_cb_proxy_peer": "tcp4:192.0.2.9:1"})
    [auth] = logins(router.store)
    assert auth.authextra == {"team": 5}
    sent = client.frames[-1].authextra
    assert sent["team"] == 5
    assert sent.keys().isdisjoint(["transport", "x_cb_proxy_peer"])
    [session] = router.realm.sessions
    assert session._session_details.transport.http_cbtid == id_of(client.cookie.partition("=")[2])


class TestTheLifetimeInAnAuthextra:
    EXTRA = {"cookietrack_max_age": 60, "cookietrack_idle_timeout": 5, "team": 5}

    @pytest.fixture
    def router(self, make_router):
        return make_router(("cookie", "scripted", "ticket"))

    @pytest.fixture
    def accepted(self, router):
        """A client whose authenticator says how long the login lasts."""
        router.answers(Accept("realm1", "joe", "user", "scripted", "static", dict(self.EXTRA)))
        client = router.connect()
        client.hello(methods=("scripted",))
        router.until(client, Welcome)
        return client

    def test_is_stored_and_not_sent(self, router, accepted):
        [auth] = logins(router.store)
        assert auth.authextra == self.EXTRA
        sent = accepted.frames[-1].authextra
        assert (sent["team"], self.EXTRA.keys() & sent.keys()) == (5, {"team"})

    def test_is_not_sent_by_the_cookie_either(self, router, accepted):
        again = router.connect(accepted.cookie)
        router.log_in(again)
        sent = again.frames[-1].authextra
        assert (sent["team"], self.EXTRA.keys() & sent.keys()) == (5, {"team"})

    def test_ends_the_session_and_its_cookie(self, router, accepted, reactor):
        reactor.advance(61)
        router.until(accepted, 1000)
        assert accepted.frames[-2].reason == "cookietrack.close.expired"
        again = router.connect(accepted.cookie)
        assert again.set_cookie is not None

    def test_is_not_the_clients_to_say(self, router):
        """Crossbar's static tickets take their authextra from HELLO."""
        claiming(router, self.EXTRA)
        [auth] = logins(router.store)
        assert auth.authextra == {"team": 5}

    def test_that_is_none_lets_nobody_in(self, router, log):
        extra = {"cookietrack_max_age": "60"}
        router.answers(Accept("realm1", "joe", "user", "scripted", "static", extra))
        client = router.connect()
        client.hello(methods=("scripted",))
        router.until(client, INTERNAL_ERROR)
        assert (client.said, client.frames[0].reason) == ([Abort, INTERNAL_ERROR], NOT_STORED)
        assert logins(router.store) == router.realm.meta == []
        [line] = log.at("error")
        wrong = "cookietrack_max_age: expected seconds, an integer from 1, found a string"
        assert line.endswith(f"its authenticator is wrong: {wrong}")


class TestOneLoginTooMany:
    def test_is_an_abort_with_a_reason_of_its_own(self, make_router, log):
        router = make_router(max_sessions=1, on_max_sessions="deny")
        first = router.enter()
        client = router.connect()
        client.hello()
        router.until(client, Challenge)
        client.authenticate()
        router.until(client, POLICY_VIOLATION)
        assert client.said == [Challenge, Abort, POLICY_VIOLATION]
        abort = client.frames[1]
        assert abort.reason == "cookietrack.error.too_many_sessions"
        assert abort.message == "1 session at most: log one out"
        assert router.realm.authids == ["joe"]
        assert first.said[-1] is Welcome
        assert log.at("error", "critical") == []
        [line] = [text for text in log.at("info") if "denied" in text]
        assert "authid=joe authrealm=realm1" in line

    def test_may_end_the_oldest_instead(self, make_router):
        router = make_router(max_sessions=1)
        first = router.enter()
        second = router.enter()
        router.until(first, 1000)
        assert first.said == [Challenge, Welcome, Goodbye, 1000]
        assert first.frames[2].reason == "cookietrack.close.too_many_sessions"
        assert second.said[-1] is Welcome
        assert router.realm.authids == ["joe"]


class TestTheTimeOfALogin:
    def test_is_in_the_record_and_in_the_sessions_details(self, make_router, reactor):
        router = make_router(fresh_for=60)
        first = router.enter()
        assert first.frames[-1].authextra["cookietrack_logged_in"] == NOW
        assert first.frames[-1].authextra["cookietrack_fresh_until"] == NOW + 60_000
        reactor.advance(5)
        again = router.connect(first.cookie)
        router.log_in(again)
        assert again.frames[-1].authextra["cookietrack_logged_in"] == NOW
        assert router.store.cookies[first.protocol._cbtid].auth.at == NOW

    def test_is_that_of_a_second_login_by_the_same_identity(self, router, reactor):
        first = router.enter()
        reactor.advance(5)
        again = router.connect(first.cookie)
        again.hello(methods=("ticket",))
        router.until(again, Challenge)
        again.authenticate()
        router.until(again, Welcome)
        assert again.frames[-1].authextra["cookietrack_logged_in"] == NOW + 5_000
        assert router.store.cookies[first.protocol._cbtid].auth.at == NOW + 5_000

    def test_is_not_what_the_client_says(self, make_router):
        router = make_router(("cookie", "scripted"))
        forged = {"cookietrack_logged_in": 2**53, "cookietrack_fresh_until": 2**53}
        router.answers(Accept("realm1", "joe", "user", "scripted", "static", forged))
        client = router.connect()
        client.hello(methods=("scripted",))
        router.until(client, Welcome)
        assert client.frames[-1].authextra["cookietrack_logged_in"] == NOW
        assert "cookietrack_fresh_until" not in client.frames[-1].authextra
        [auth] = logins(router.store)
        assert (auth.authextra, auth.at) == (None, NOW)


class TestWhatIsSentBehindALogin:
    def test_is_discarded_until_welcome_has_left(self, router, challenged, store, reactor):
        store.commits.shut()
        challenged.send(Authenticate(SECRET), Authenticate(SECRET), make_publish("too early"))
        reactor.turn_until(store.commits.reached())
        challenged.send(make_publish("too early"), make_hello(), Goodbye("wamp.close.logout"))
        store.commits.open()
        router.until(challenged, Welcome)
        challenged.publish("in time")
        reactor.turn()
        assert challenged.said == [Challenge, Welcome]
        assert router.realm.meta == ["wamp.session.on_join"]
        assert [message.args for message in router.realm.processed] == [["in time"]]

    def test_is_discarded_in_the_same_frame_as_well(self, router, store, reactor):
        client = router.connect(subprotocol="wamp.2.json.batched")
        store.commits.shut()
        client.send(make_hello(), make_publish("too early"), frames=1)
        router.until(client, Challenge)
        client.send(Authenticate(SECRET), Authenticate(SECRET), make_publish("x"), frames=1)
        reactor.turn_until(store.commits.reached())
        store.commits.open()
        router.until(client, Welcome)
        reactor.turn()
        assert client.said == [Challenge, Welcome]
        assert router.realm.processed == []
        assert len(logins(store)) == 1

    def test_is_discarded_while_the_cookie_is_looked_up(self, router, monkeypatch):
        looked_up = Deferred()
        client = router.connect()
        monkeypatch.setattr(router.tracker, "hello", lambda connection: looked_up)
        client.send(make_hello(), make_hello("ann"), Authenticate(SECRET))
        assert client.said == []
        looked_up.callback(None)
        assert client.said == [Challenge]
        client.authenticate()
        router.until(client, Welcome)
        assert router.realm.authids == ["joe"]

    def test_to_a_session_that_has_joined_is_left_to_crossbar(self, router):
        client = router.enter()
        client.hello()
        assert client.said == [Challenge, Welcome]
        client.authenticate()
        assert isinstance(router.realm.processed[0], Authenticate)


def taken(router, id):
    router.store.cookies[id] = evolve(make_cookie(1), id=id)


def away(router, id):
    router.store.fail_commits()


def revoked(router, id):
    router.revoke_user("joe", "realm1")


REFUSED = "the cookie was ended, or its user revoked, during the login"
CAUSES = [
    (taken, REFUSED),
    (away, "cookie store not available"),
    (revoked, "the user was revoked during the login"),
]


class TestALoginThatCannotBeStored:
    @pytest.mark.parametrize(("cause", "explanation"), CAUSES)
    def test_is_an_abort_and_the_end_of_the_connection(
        self, router, challenged, store, reactor, cause, explanation, log
    ):
        store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(store.commits.reached())
        cause(router, challenged.protocol._cbtid)
        store.commits.open()
        router.until(challenged, INTERNAL_ERROR)
        assert challenged.said == [Challenge, Abort, INTERNAL_ERROR]
        abort = challenged.frames[1]
        assert (abort.reason, abort.message) == (NOT_STORED, explanation)
        assert len([text for text in log.at("error") if "a login is not stored" in text]) == 1
        challenged.hello()
        challenged.authenticate()
        reactor.advance(1.9)
        assert not challenged.transport.aborted
        reactor.advance(0.1)
        assert challenged.transport.aborted
        assert router.realm.authids == router.realm.meta == []

    def test_because_the_connection_was_ended_during_it_is_told_why(
        self, router, challenged, store, reactor, log
    ):
        store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(store.commits.reached())
        router.revoke(challenged)
        store.commits.open()
        router.until(challenged, 1000)
        reactor.turn()
        assert challenged.said == [Challenge, Abort, 1000]
        assert challenged.frames[1].reason == "wamp.close.logout"
        assert router.realm.authids == router.realm.meta == []
        assert log.at("error") == []

    def test_because_a_cookie_says_what_its_record_does_not(self, make_router):
        """Crossbar takes ids from a header of requests, for example."""
        router = make_router(("cookie", "scripted"))
        router.answers(Accept("realm1", "ann", "user", "ticket", "cookie"))
        client = router.connect()
        client.hello(methods=("scripted",))
        router.until(client, INTERNAL_ERROR)
        assert client.said == [Abort, INTERNAL_ERROR]
        assert client.frames[0].message == "the cookie was ended during the login"
        assert router.realm.meta == []

    def test_without_a_cookie_that_says_so(self, make_router, log):
        router = make_router(("cookie", "scripted"), on_failure="anonymous")
        router.answers(Accept("realm1", "ann", "user", "ticket", "cookie"))
        client = without_cookie(router)
        client.hello(methods=("scripted",))
        router.until(client, INTERNAL_ERROR)
        assert router.realm.meta == []
        cause = "a login is not stored: the cookie was ended during the login"
        assert f"client {client.protocol.peer}: {cause}" in log.at("error")


class TestACall:
    def test_with_the_request_id_of_one_that_is_not_answered_ends_the_connection(self, router):
        """Crossbar forgets one of them, and then lets the session leave by half."""
        client = router.enter()
        client.send(Call(777, "a.procedure"), Call(777, "a.procedure"))
        assert client.said[-1] == PROTOCOL_ERROR

    @pytest.mark.parametrize(
        "answer", [Result(777), Error(Call.MESSAGE_TYPE, 777, "a.reason")], ids=["result", "error"]
    )
    def test_may_have_the_request_id_of_one_that_was_answered(self, router, answer):
        client = router.enter()
        client.send(Call(777, "a.procedure"))
        client.protocol.send(answer)
        client.send(Call(777, "a.procedure"))
        assert client.protocol.state == client.protocol.STATE_OPEN

    @pytest.mark.parametrize(
        "answer",
        [Result(777, progress=True), Result(778), Error(Register.MESSAGE_TYPE, 777, "a.reason")],
        ids=["progress", "another one's", "of no call"],
    )
    def test_goes_on_until_its_last_answer(self, router, answer):
        client = router.enter()
        client.send(Call(777, "a.procedure"))
        client.protocol.send(answer)
        client.send(Call(777, "a.procedure"))
        assert client.said[-1] == PROTOCOL_ERROR


def test_who_has_left_is_told_nothing_though_the_router_may_not_know(router):
    client = router.enter()
    client.leave()
    said = list(client.said)
    client.protocol.send(Event(1, 2))
    assert client.said == said
    client.hello()
    assert Challenge in client.said[len(said) :]
