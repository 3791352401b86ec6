"""The gate before a session: who joins has a login that is durable, and nobody else joins."""

import pytest
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
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.gate import NOT_STORED
from tests.support.protocols import make_hello, make_publish
from tests.support.realm import SECRET

pytest_plugins = ["tests.support.routers"]

PROTOCOL_ERROR, INTERNAL_ERROR = 1002, 1011


def logins(store):
    """Those that were stored, in order."""
    return [change.auth for change in store.changes if isinstance(change, record.Authenticate)]


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
        reactor.turn_until(store.commits.reached(2))
        reactor.turn()
        assert challenged.said == [Challenge]
        assert router.realm.authids == router.realm.meta == []
        store.commits.open()
        router.until(challenged, Welcome)
        assert router.realm.authids == ["joe"]
        assert stored_when_attached == [Auth("joe", "user", "ticket", "realm1")]
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
        router.store.fail_commits()
        client = router.enter()
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


class TestWhatIsSentBehindALogin:
    def test_is_discarded_until_welcome_has_left(self, router, challenged, store, reactor):
        store.commits.shut()
        challenged.send(Authenticate(SECRET), Authenticate(SECRET), make_publish("too early"))
        reactor.turn_until(store.commits.reached(2))
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
        reactor.turn_until(store.commits.reached(2))
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


def gone(router, id):
    del router.store.cookies[id]


def away(router, id):
    router.store.fail_commits()


def revoked(router, id):
    router.revoke_user("joe", "realm1")


REFUSED = "the cookie was ended, or its user revoked, during the login"
CAUSES = [
    (gone, REFUSED),
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
        reactor.turn_until(store.commits.reached(2))
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
        reactor.turn_until(store.commits.reached(2))
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

    def test_without_a_cookie_that_says_so(self, make_router):
        router = make_router(("cookie", "scripted"), on_failure="anonymous")
        router.store.fail_commits()
        router.answers(Accept("realm1", "ann", "user", "ticket", "cookie"))
        client = router.connect()
        client.hello(methods=("scripted",))
        router.until(client, INTERNAL_ERROR)
        assert router.realm.meta == []


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
