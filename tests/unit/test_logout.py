"""A client that logs out: it hears of it when that is durable, and may go on without its cookie."""

import pytest
from autobahn.wamp.message import Abort, Challenge, Event, Goodbye, Welcome

from cookietrack_plugin.record import Delete
from cookietrack_plugin.router.gate import LOGOUT_NOT_STORED
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended
from tests.support.protocols import without_cookie

pytest_plugins = ["tests.support.routers"]

INTERNAL_ERROR = 1011


def event() -> Event:
    return Event(1, 2, args=["hello"])


@pytest.fixture
def client(router):
    """A client that has logged in."""
    return router.enter()


@pytest.fixture
def deleting(store, reactor):
    """A function that logs a client out, whose deletion waits until the store's gate is opened."""

    def log_out(client):
        store.commits.shut()
        arrived = store.commits.arrived
        client.log_out()
        reactor.turn_until(store.commits.reached(arrived + 1))
        reactor.turn()

    return log_out


class TestALogout:
    def test_is_answered_once_it_is_durable_and_what_comes_behind_it_in_order(
        self, router, client, store, deleting
    ):
        deleting(client)
        client.protocol.sendMessage(*client.protocol._serializer.serialize(event()))
        assert client.said == [Challenge, Welcome]
        store.commits.open()
        router.until(client, Goodbye, Event)
        assert store.cookies == {}
        assert client.frames[2].reason == "wamp.close.normal"

    def test_is_answered_before_the_router_closes_the_connection(
        self, router, client, store, deleting
    ):
        deleting(client)
        client.protocol.sendClose(1000)
        assert client.said == [Challenge, Welcome]
        store.commits.open()
        router.until(client, Goodbye, 1000)

    def test_takes_the_session_off_the_router_at_once(self, router, client, deleting):
        deleting(client)
        assert router.realm.authids == []
        client.publish("x")
        assert router.realm.processed == []

    def test_leaves_no_session_to_end(self, router, client, reactor):
        client.log_out()
        router.until(client, Goodbye)
        assert reactor.result_of(router.tracker.revoke_user("joe")) == Ended(0, 0)
        assert client.said == [Challenge, Welcome, Goodbye]

    def test_leaves_the_connection_to_its_client(self, router, client, reactor):
        client.log_out()
        router.until(client, Goodbye)
        reactor.advance(5)
        assert client.said == [Challenge, Welcome, Goodbye]
        assert not client.transport.aborted

    def test_ends_the_other_connections_of_the_cookie(self, router, client):
        sibling, idle = router.connect(client.cookie), router.connect(client.cookie)
        stranger = router.enter()
        router.log_in(sibling)
        client.log_out()
        router.until(idle, 1000)
        assert sibling.said == [Welcome, Goodbye, 1000]
        assert idle.said == [Abort, 1000]
        assert sibling.frames[1].reason == idle.frames[0].reason == LOGOUT
        assert stranger.said == [Challenge, Welcome]
        assert router.realm.authids == ["joe"]

    def test_with_another_reason_is_none(self, router, client, store):
        sibling = router.connect(client.cookie)
        client.leave()
        assert client.said == [Challenge, Welcome, Goodbye]
        assert list(store.cookies) == [client.protocol._cbtid]
        assert sibling.said == []
        assert router.realm.authids == []

    def test_of_one_who_has_not_joined_is_nothing(self, router, client, store):
        sibling = router.connect(client.cookie)
        sibling.log_out()
        sibling.hello()
        router.until(sibling, Welcome)
        assert list(store.cookies) == [client.protocol._cbtid]
        assert client.said == [Challenge, Welcome]

    def test_without_a_cookie_waits_for_nothing(self, make_router):
        router = make_router(on_failure="anonymous")
        client = without_cookie(router)
        router.log_in(client)
        client.log_out()
        assert client.said == [Challenge, Welcome, Goodbye]

    def test_of_a_client_that_leaves_meanwhile_is_stored(self, router, client, store, deleting):
        deleting(client)
        client.lose()
        store.commits.open()
        router.reactor.turn_until(lambda: not store.cookies)
        assert client.said == [Challenge, Welcome]


class TestAfterALogout:
    def test_the_client_may_log_in_on_the_same_connection(self, router, client, store):
        client.log_out()
        router.until(client, Goodbye)
        router.log_in(client, "ann")
        assert client.said == [Challenge, Welcome, Goodbye, Challenge, Welcome]
        assert router.realm.authids == ["ann"]
        # There is no cookie to store that login with.
        assert store.cookies == {}

    def test_that_session_is_ended_as_any_other(self, router, client, reactor):
        client.log_out()
        router.until(client, Goodbye)
        router.log_in(client, "ann")
        assert reactor.result_of(router.tracker.revoke_user("ann")) == Ended(0, 1)
        assert client.said[-2:] == [Goodbye, 1000]
        assert router.realm.authids == []

    def test_what_a_new_session_is_told_waits_behind_the_answer(
        self, router, client, store, deleting
    ):
        deleting(client)
        client.hello("ann")
        client.authenticate()
        assert router.realm.authids == ["ann"]
        assert client.said == [Challenge, Welcome]
        store.commits.open()
        router.until(client, Goodbye, Challenge, Welcome)

    def test_a_second_one_does_not_let_the_answer_to_the_first_out(
        self, router, client, store, deleting
    ):
        deleting(client)
        client.hello("ann")
        client.authenticate()
        client.log_out()
        assert client.said == [Challenge, Welcome]
        store.commits.open()
        router.until(client, Goodbye, Challenge, Welcome, Goodbye)
        assert client.said.count(Goodbye) == 2


class TestALogoutThatCannotBeStored:
    @pytest.fixture(autouse=True)
    def failing(self, client, store):
        store.fail_commits(of=lambda change: isinstance(change, Delete))

    def test_is_the_end_of_the_connection(self, router, client, reactor, log):
        id = client.protocol._cbtid
        client.log_out()
        router.until(client, INTERNAL_ERROR)
        assert client.said == [Challenge, Welcome, Goodbye, INTERNAL_ERROR]
        assert client.frames[2].reason == LOGOUT_NOT_STORED
        assert log.at("error") == [f"cookie {id}: a logout is not stored yet: the disk is away"]
        client.hello()
        reactor.advance(2)
        assert client.transport.aborted
        assert router.realm.authids == []

    def test_ends_the_other_connections_all_the_same(self, router, client):
        sibling = router.connect(client.cookie)
        router.log_in(sibling)
        client.log_out()
        router.until(sibling, 1000)
        assert sibling.said == [Welcome, Goodbye, 1000]
        again = router.connect(client.cookie)
        assert (again.status, again.protocol._authid) == (101, None)

    def test_ends_a_session_that_was_begun_behind_it(self, router, client, store, deleting):
        """Its client has seen neither GOODBYE nor WELCOME."""
        deleting(client)
        client.hello("ann")
        client.authenticate()
        store.commits.open()
        router.until(client, INTERNAL_ERROR)
        assert client.said == [Challenge, Welcome, Goodbye, INTERNAL_ERROR]
        assert router.realm.authids == []

    def test_of_a_client_that_has_left_concerns_nobody(self, router, client, store, deleting, log):
        deleting(client)
        client.lose()
        store.commits.open()
        router.reactor.turn_until(lambda: log.at("error"))
        assert client.said == [Challenge, Welcome]
