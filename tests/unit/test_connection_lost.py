"""Connections that are lost, and workers that stop: nothing that was begun on them is left."""

import gc
import weakref

import pytest
from autobahn.wamp.message import Abort, Challenge, Goodbye, Welcome
from twisted.internet.error import ConnectionLost

from cookietrack_plugin.router.gate import NOT_STORED
from cookietrack_plugin.tracking.revocation import Ended
from tests.support.states import STATES, aborted, joined

pytest_plugins = ["tests.support.routers"]


def settle(router):
    """Let everything happen that was begun."""
    router.store.commits.open()
    router.reactor.result_of(router.tracker._store.barrier())
    router.reactor.turn()
    router.reactor.advance(10)
    router.reactor.turn()


class TestALostConnection:
    @pytest.mark.parametrize("state", STATES)
    def test_is_told_nothing_more_and_forgotten(self, router, state, log):
        client = state(router)
        said = client.said
        client.lose()
        settle(router)
        assert client.said == said
        assert client.transport.aborted is (state is aborted)
        assert router.realm.authids == []
        assert router.tracker.connected == 0
        ended = router.reactor.result_of(router.tracker.revoke_user(None))
        assert ended.connections == 0
        assert log.at("error", "critical") == []

    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.usefixtures("without_log")
    def test_leaves_nothing_behind(self, router, state):
        client = state(router)
        lost = weakref.ref(client.protocol), weakref.ref(client.protocol._connection or client)
        client.lose()
        settle(router)
        del client
        router.realm.processed.clear()
        gc.collect()
        assert [each() for each in lost] == [None, None]

    @pytest.mark.parametrize("error", [ConnectionLost(), OSError("unplugged")])
    def test_is_forgotten_for_whatever_reason(self, router, error):
        client = joined(router)
        client.lose(error)
        assert router.realm.authids == []
        assert router.tracker.connected == 0

    def test_lets_its_cookie_be_for_the_next_one(self, router):
        client = joined(router)
        client.lose()
        again = router.connect(client.cookie)
        router.log_in(again)
        assert again.said == [Welcome]

    def test_is_dropped_where_its_client_answers_no_ping(self, router):
        client = joined(router)
        client.protocol.onAutoPingTimeout()
        assert client.transport.aborted
        client.lose()
        assert router.realm.authids == []
        assert router.tracker.connected == 0


class TestWhenTheWorkerStops:
    def test_who_is_connected_is_let_in_no_more(self, router, reactor):
        client = router.connect()
        reactor.result_of(router.cookies.close())
        client.hello()
        client.authenticate()
        router.until(client, 1011)
        assert client.said == [Challenge, Abort, 1011]
        assert client.frames[1].reason == NOT_STORED
        assert router.realm.authids == []

    def test_who_has_joined_may_leave(self, router, reactor):
        client = joined(router)
        reactor.result_of(router.cookies.close())
        client.publish("x")
        client.leave()
        assert client.said[-1] is Goodbye
        assert len(router.realm.processed) == 1
        client.lose()

    def test_who_logs_out_is_told_that_it_is_not_stored(self, router, reactor):
        client = joined(router)
        reactor.result_of(router.cookies.close())
        client.log_out()
        router.until(client, Goodbye, 1011)

    def test_who_is_ended_is_ended(self, router, reactor):
        client = joined(router)
        closing = router.cookies.close()
        ended = router.tracker.revoke_user("joe")
        reactor.result_of(closing)
        ended.addErrback(lambda _: Ended(0, 0))
        reactor.result_of(ended)
        router.until(client, Goodbye, 1000)
        assert router.realm.authids == []
