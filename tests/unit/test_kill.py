"""Sessions that the router ends: `wamp.session.kill*`, and realms that are stopped."""

import pytest
from autobahn.wamp.message import Abort, Challenge, Event, Goodbye, Welcome

from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.protocols import without_cookie

pytest_plugins = ["tests.support.routers"]

KILLED = "wamp.close.killed"


class TestKilledSessions:
    def test_are_on_the_routers_lists_until_it_has_walked_over_them(self, router, reactor):
        """It walks over the living set, which must not change under it."""
        clients = [router.enter() for _ in range(3)]
        router.realm.kill(KILLED, "bye")
        assert len(router.realm.sessions) == 3
        for client in clients:
            client.publish("x")
        reactor.turn_until(lambda: router.realm.sessions == set())
        for client in clients:
            router.until(client, 1000)
            assert client.said == [Challenge, Welcome, Goodbye, 1000]
            assert (client.frames[2].reason, client.frames[2].message) == (KILLED, "bye")
        assert router.realm.processed == []
        reactor.advance(2)
        assert all(client.transport.aborted for client in clients)

    def test_leave_their_cookies(self, router, store):
        client = router.enter()
        sibling = router.connect(client.cookie)
        router.log_in(sibling)
        [session] = [each for each in router.realm.sessions if each._transport is client.protocol]
        session.leave(KILLED)
        router.until(client, 1000)
        assert client.frames[2].message == "the session was ended"
        assert list(store.cookies) == [client.protocol._cbtid]
        assert sibling.said == [Welcome]

    def test_with_the_logout_reason_end_their_cookies(self, router, store, reactor):
        """No call of the store follows in Crossbar (issue 2051)."""
        client = router.enter()
        sibling = router.connect(client.cookie)
        store.commits.shut()
        router.realm.kill(LOGOUT)
        reactor.turn()
        assert client.said == [Challenge, Welcome]
        assert router.realm.authids == []
        store.commits.open()
        router.until(client, 1000)
        assert client.frames[2].reason == LOGOUT
        assert store.cookies == {}
        router.until(sibling, Abort, 1000)

    def test_with_the_logout_reason_are_closed_although_that_cannot_be_stored(
        self, router, store, log
    ):
        client = router.enter()
        store.fail_commits()
        router.realm.kill(LOGOUT)
        router.until(client, Goodbye, 1000)
        assert [text for text in log.at("critical") if "cannot be stored" in text] != []

    def test_without_a_cookie_are_ended_as_well(self, make_router):
        router = make_router(on_failure="anonymous")
        client = without_cookie(router)
        router.log_in(client)
        router.realm.kill(LOGOUT)
        router.until(client, 1000)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert client.frames[2].reason == LOGOUT

    def test_after_a_logout_are_ended_as_well(self, router):
        client = router.enter()
        client.log_out()
        router.until(client, Goodbye)
        router.log_in(client, "ann")
        router.realm.kill(LOGOUT)
        router.until(client, Goodbye, 1000)
        assert router.realm.authids == []


class TestTheRouter:
    def test_may_say_goodbye_twice(self, router):
        client = router.enter()
        client.session._transport.send(Goodbye(KILLED))
        client.session._transport.send(Goodbye("wamp.close.other"))
        router.until(client, 1000)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert client.frames[2].reason == KILLED

    def test_may_abort_a_session_that_has_joined(self, router):
        """The session of a proxy does when it has lost its router."""
        client = router.enter()
        client.protocol.send(Abort("com.example.lost", "the router is gone"))
        router.until(client, 1000)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert (client.frames[2].reason, client.frames[2].message) == (
            "com.example.lost",
            "the router is gone",
        )
        assert router.realm.authids == []

    def test_says_nothing_to_a_client_that_has_left(self, router, reactor):
        client = router.enter()
        client.leave()
        client.protocol.send(Goodbye())
        client.protocol.send(Abort("com.example.lost"))
        reactor.turn()
        assert client.said == [Challenge, Welcome, Goodbye]

    def test_says_the_rest_as_it_is(self, router):
        client = router.enter()
        client.protocol.send(Event(1, 2, args=["hello"]))
        assert client.said == [Challenge, Welcome, Event]

    def test_may_close_a_connection_itself(self, router):
        client = router.enter()
        client.protocol.close()
        assert client.said == [Challenge, Welcome, 1000]


@pytest.mark.parametrize("reason", [KILLED, LOGOUT])
def test_a_client_that_is_just_leaving_is_not_killed(router, store, reason):
    client = router.enter()
    client.leave()
    client.protocol.gate.killed(reason)
    assert client.said == [Challenge, Welcome, Goodbye]
    assert len(store.cookies) == 1
