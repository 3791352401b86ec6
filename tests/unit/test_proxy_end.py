"""A session behind a proxy that ends: off the router before its client is told why."""

import gc
import weakref

import pytest
from autobahn.wamp.message import Abort, Challenge, Goodbye, Welcome

from cookietrack_plugin.router.proxy import LEAVE_TIMEOUT_S
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended

pytest_plugins = ["tests.support.proxies"]

PROTOCOL_ERROR, INTERNAL_ERROR = 1002, 1011


class TestAnEnd:
    def test_is_acknowledged_when_the_router_does_not_list_the_session(
        self, proxy, controller, reactor, log
    ):
        client = proxy.enter()
        [behind] = controller.behind
        behind.answers = False
        acknowledged = []
        proxy.tracker.revoke_user("joe").addCallback(acknowledged.append)
        reactor.turn_until(lambda: Goodbye in map(type, behind.told) and not proxy.store.cookies)
        reactor.turn()
        reactor.turn()
        client.publish("x")
        assert (acknowledged, client.said) == ([], [Challenge, Welcome])
        behind.answer(behind.told[-1])
        reactor.turn_until(lambda: acknowledged)
        assert acknowledged == [Ended(1, 1)]
        assert controller.joined == [False]
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert [type(each) for each in behind.told[1:]] == [Goodbye]
        reactor.advance(2)
        assert client.transport.aborted
        assert log.at("error", "critical") == []

    @pytest.mark.parametrize("how", ["it leaves", "the connection to the router is lost"])
    def test_is_acknowledged_as_soon_as_that_is_known(self, proxy, controller, reactor, how):
        proxy.enter()
        [behind] = controller.behind
        behind.answers, behind.close = False, lambda: None
        ended = proxy.tracker.revoke_user("joe")
        reactor.turn_until(lambda: Goodbye in map(type, behind.told))
        behind.answer(behind.told[-1]) if how == "it leaves" else behind.lose()
        assert reactor.result_of(ended) == Ended(1, 1)

    def test_does_not_wait_for_a_router_that_does_not_answer(self, proxy, controller, reactor, log):
        client = proxy.enter()
        controller.behind[0].answers = False
        proxy.revoke_user("joe")
        reactor.turn_until(lambda: len(controller.behind[0].told) > 1)
        reactor.advance(LEAVE_TIMEOUT_S - 0.1)
        reactor.turn()
        assert client.said == [Challenge, Welcome]
        reactor.advance(0.1)
        proxy.until(client, Goodbye, 1000)
        assert log.at("error", "critical") == [
            "a router has not confirmed within 2 seconds that a session left"
        ]

    def test_while_the_router_is_connected_keeps_the_session_from_joining(
        self, proxy, challenged, controller, reactor
    ):
        waiting = []
        controller.connecting = lambda *parts: waiting.append(parts)
        challenged.authenticate()
        reactor.turn_until(lambda: waiting)
        proxy.revoke_user("joe")
        reactor.turn_until(lambda: not proxy.tracker.connected)
        reactor.turn()
        reactor.advance(LEAVE_TIMEOUT_S)
        proxy.until(challenged, 1000)
        assert challenged.said == [Challenge, Abort, 1000]
        controller.connect(*waiting[0])
        reactor.turn()
        reactor.turn()
        assert controller.joined == [False]
        assert controller.behind[0].told == []
        assert controller._backends_by_frontend == {}

    def test_of_a_session_that_joins_just_then_takes_it_off_again(
        self, proxy, challenged, controller, reactor
    ):
        controller.answers = False
        challenged.authenticate()
        reactor.turn_until(lambda: controller.behind and controller.behind[0].told)
        [behind] = controller.behind
        proxy.revoke_user("joe")
        reactor.turn_until(lambda: challenged.session is None)
        behind.answers = True
        behind.welcome(behind.told[0])
        proxy.until(challenged, 1000)
        assert challenged.said == [Challenge, Abort, 1000]
        assert controller.joined == [False]

    def test_waits_for_no_session_that_can_join_no_more(
        self, proxy, challenged, controller, reactor
    ):
        controller.answers = False
        challenged.authenticate()
        reactor.turn_until(lambda: controller.behind and controller.behind[0].told)
        ended = proxy.tracker.revoke_user("joe")
        reactor.turn_until(lambda: challenged.session is None)
        controller.behind[0].lose()
        assert reactor.result_of(ended) == Ended(1, 1)
        assert challenged.said == [Challenge, Abort, 1000]

    @pytest.mark.usefixtures("without_log")
    def test_leaves_nothing_behind(self, proxy, controller, reactor):
        client = proxy.enter()
        lost = weakref.ref(client.protocol), weakref.ref(client.session)
        reactor.result_of(proxy.tracker.revoke_user("joe"))
        client.lose()
        del client
        reactor.advance(5)
        controller.behind.clear()
        gc.collect()
        assert [each() for each in lost] == [None, None]


class TestASessionThatTheRouterEnds:
    def test_is_told_why(self, proxy, controller, reactor):
        client = proxy.enter()
        controller.behind[0].kill("wamp.close.killed", "bye")
        proxy.until(client, 1000)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert (client.frames[2].reason, client.frames[2].message) == ("wamp.close.killed", "bye")
        assert len(proxy.store.cookies) == 1
        reactor.advance(2)
        assert client.transport.aborted

    def test_with_the_logout_reason_loses_its_cookie(self, proxy, controller):
        client = proxy.enter()
        sibling = proxy.connect(client.cookie)
        controller.behind[0].kill(LOGOUT)
        proxy.until(client, Goodbye, 1000)
        proxy.until(sibling, Abort, 1000)
        assert proxy.store.cookies == {}

    def test_because_it_is_lost_itself_is_ended(self, proxy, controller):
        client = proxy.enter()
        controller.behind[0].lose()
        client.publish("x")
        proxy.until(client, Goodbye, 1000)
        assert proxy.tracker.connected == 0


class TestALogout:
    def test_is_told_to_the_router_and_answered_when_it_is_durable(
        self, proxy, controller, reactor
    ):
        client = proxy.enter()
        proxy.store.commits.shut()
        client.log_out()
        reactor.turn_until(lambda: controller.joined == [False])
        reactor.turn()
        assert client.said == [Challenge, Welcome]
        assert controller.behind[0].told[-1].reason == LOGOUT
        proxy.store.commits.open()
        proxy.until(client, Goodbye)
        assert proxy.store.cookies == {}

    def test_is_answered_once(self, proxy, reactor):
        """Crossbar's proxy sends an ABORT as well, when it is disconnected from the router."""
        client = proxy.enter()
        client.log_out()
        proxy.until(client, Goodbye)
        for _ in range(5):
            reactor.turn()
        assert client.said == [Challenge, Welcome, Goodbye]
        client.log_out()
        reactor.turn()
        assert client.said == [Challenge, Welcome, Goodbye]

    @pytest.mark.parametrize(
        ("say", "code"),
        [
            (lambda client: client.hello(), PROTOCOL_ERROR),
            (lambda client: client.publish("x"), INTERNAL_ERROR),
        ],
        ids=["HELLO", "PUBLISH"],
    )
    def test_is_the_last_of_a_connection(self, proxy, log, say, code):
        client = proxy.enter()
        client.leave()
        say(client)
        assert client.said == [Challenge, Welcome, Goodbye, code]
        assert len([text for text in log.at("critical") if "a session failed" in text]) == 1


class TestAClientThatSendsFasterThanItsRouterTakes:
    def test_is_read_no_more_until_the_router_has_caught_up(self, proxy, controller):
        """What has been passed on is heard, also after its end."""
        client = proxy.enter()
        behind = controller.behind[-1].transport
        assert behind.streaming
        behind.producer.pauseProducing()
        assert client.transport.producerState == "paused"
        behind.producer.resumeProducing()
        assert client.transport.producerState == "producing"

    def test_is_read_again_when_the_router_is_gone(self, proxy, controller):
        client = proxy.enter()
        producer = controller.behind[-1].transport.producer
        producer.pauseProducing()
        producer.stopProducing()
        assert client.transport.producerState == "producing"
        assert not client.transport.disconnecting

    def test_keeps_no_connection_to_a_router_that_it_has_left(self, proxy, controller, reactor):
        client = proxy.enter()
        behind = controller.behind[-1].transport
        client.leave()
        reactor.turn()
        assert behind.producer is None
