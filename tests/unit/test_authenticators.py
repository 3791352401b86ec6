"""What authenticators answer, at once or late, or never as their client has left."""

import pytest
from autobahn.wamp.message import Abort, Challenge, Welcome
from autobahn.wamp.types import Accept, Deny
from twisted.internet.defer import Deferred, fail

from cookietrack_plugin.router.gate import AUTHENTICATOR_FAILED
from cookietrack_plugin.tracking.revocation import Ended

pytest_plugins = ["tests.support.routers"]

ACCEPT = Accept("realm1", "joe", "user", "scripted", "static")
DENY = Deny("com.example.no", "not you")


@pytest.fixture
def router(make_router):
    return make_router(("cookie", "scripted"))


@pytest.fixture
def client(router):
    return router.connect()


@pytest.fixture
def hello(client):
    """A function that says HELLO as one whom the scripted authenticator knows."""
    return lambda: client.hello(methods=("scripted",))


@pytest.fixture
def slow(router):
    """An answer that comes when the test gives it."""
    answer = Deferred()
    router.answers(answer)
    return answer


class TestAnAnswer:
    def test_to_a_hello_may_be_an_accept(self, router, client, hello):
        router.answers(ACCEPT)
        hello()
        router.until(client, Welcome)
        assert router.realm.authids == ["joe"]

    def test_that_denies_is_an_abort_after_which_the_client_may_try_again(
        self, router, client, hello
    ):
        router.answers(DENY)
        hello()
        assert client.said == [Abort]
        assert (client.frames[0].reason, client.frames[0].message) == ("com.example.no", "not you")
        router.answers(ACCEPT)
        hello()
        router.until(client, Welcome)
        assert client.said == [Abort, Welcome]

    def test_that_denies_a_signature_is_one_as_well(self, router, client, hello):
        hello()
        router.answers(DENY)
        client.authenticate()
        router.until(client, Abort)
        assert client.said == [Challenge, Abort]
        hello()
        assert client.said == [Challenge, Abort, Abort]

    def test_to_an_authenticate_without_a_challenge_is_crossbars(self, client):
        client.authenticate()
        assert client.said == [Abort]
        assert client.frames[0].message == "no pending authentication"

    def test_that_is_an_error_is_an_abort(self, router, client, hello, log):
        router.answers(ValueError("no database"))
        hello()
        assert client.said == [Abort]

    @pytest.mark.parametrize("to", ["hello", "authenticate"])
    def test_that_becomes_an_error_is_an_abort_after_which_the_client_may_try_again(
        self, router, client, hello, to, log
    ):
        """Crossbar's own session fails over one to AUTHENTICATE, and answers nothing."""
        if to == "authenticate":
            hello()
        router.answers(fail(ValueError("no database")))
        hello() if to == "hello" else client.authenticate()
        assert client.frames[-1].reason == AUTHENTICATOR_FAILED
        assert log.at("critical") == ["an authenticator failed: no database"]
        router.answers(ACCEPT)
        hello()
        router.until(client, Welcome)


class TestALateAnswer:
    def test_is_waited_for_and_what_the_client_says_till_then_discarded(
        self, router, client, hello, slow
    ):
        hello()
        hello()
        client.publish("too early")
        slow.callback(ACCEPT)
        router.until(client, Welcome)
        assert client.said == [Welcome]
        assert router.realm.processed == []

    @pytest.mark.parametrize("answer", [ACCEPT, DENY])
    def test_to_a_client_that_has_left_is_nothing(
        self, router, client, hello, slow, reactor, answer, log
    ):
        hello()
        client.lose()
        slow.callback(answer)
        reactor.turn()
        assert router.realm.meta == client.said == []
        assert reactor.result_of(router.tracker.revoke_user("joe")) == Ended(0, 0)
        assert log.at("error", "critical") == []

    def test_that_is_an_error_is_in_the_log_although_its_client_has_left(
        self, client, hello, slow, log
    ):
        hello()
        client.lose()
        slow.errback(ValueError("no database"))
        assert log.at("error", "critical") == ["an authenticator failed: no database"]
        assert client.said == []

    @pytest.mark.parametrize("answer", [ACCEPT, DENY])
    def test_to_a_client_that_was_ended_is_nothing(
        self, router, client, hello, slow, reactor, answer
    ):
        hello()
        router.revoke(client)
        slow.callback(answer)
        router.until(client, 1000)
        assert client.said == [Abort, 1000]
        assert client.frames[0].reason == "wamp.close.logout"
        assert router.realm.meta == []


class TestAClientThatLeavesWhileItsLoginIsStored:
    def test_leaves_nobody_behind(self, router, client, hello, store, reactor, log):
        router.answers(ACCEPT)
        store.commits.shut()
        hello()
        reactor.turn_until(store.commits.reached())
        client.lose()
        store.commits.open()
        reactor.turn_until(lambda: client.protocol._cbtid in store.cookies)
        reactor.turn()
        assert router.realm.meta == []
        assert log.at("error", "critical") == []
        # The login is stored: the cookie is another connection's as well. No connection has it.
        assert reactor.result_of(router.tracker.revoke_user("joe")) == Ended(1, 0)
