"""The end of a connection, in any state, and with a client that does not cooperate."""

import pytest
from autobahn.wamp.message import Abort, Challenge, Event, Goodbye, Welcome

from tests.support.protocols import make_hello, make_publish
from tests.support.states import (
    challenged,
    closed,
    closing,
    connected,
    examined,
    joined,
    joining_again,
    left,
)

pytest_plugins = ["tests.support.routers"]

LOGOUT = "wamp.close.logout"

STATES = [
    (connected, [Abort, 1000]),
    (challenged, [Challenge, Abort, 1000]),
    (examined, [Challenge, Abort, 1000]),
    (joined, [Challenge, Welcome, Goodbye, 1000]),
    (left, [Challenge, Welcome, Goodbye, 1000]),
    (joining_again, [Challenge, Welcome, Goodbye, Challenge, Abort, 1000]),
    (closing, [Challenge, Welcome, 1002]),
    (closed, [Challenge, Welcome, 1000]),
]


def end(router, client, reason=LOGOUT):
    """End the connection, until that is acknowledged."""
    router.store.commits.open()
    router.reactor.result_of(router.tracker.kill(client.protocol._connection, reason))


class TestTheEnd:
    @pytest.mark.parametrize(("state", "said"), STATES)
    def test_is_told_as_the_client_can_understand_it(self, router, state, said):
        client = state(router)
        end(router, client, "com.example.over")
        assert client.said == said
        farewells = [each for each in client.frames if isinstance(each, (Abort, Goodbye))]
        answered = ["wamp.close.normal"] if state in (left, joining_again) else []
        told = ["com.example.over"] if state not in (left, closing, closed) else []
        assert [each.reason for each in farewells] == answered + told

    @pytest.mark.parametrize("state", [state for state, _ in STATES])
    def test_lets_nothing_of_the_client_through_from_its_first_moment(self, router, state):
        client = state(router)
        before = list(router.realm.processed)
        router.store.commits.open()
        ended = router.tracker.revoke([client.protocol._cbtid])
        client.send(make_publish("x"), make_hello("ann"), Goodbye(LOGOUT))
        client.authenticate()
        router.reactor.result_of(ended)
        client.send(make_publish("x"), make_hello("ann"), Goodbye(LOGOUT))
        assert router.realm.processed == before
        assert router.realm.authids == []
        assert client.said.count(Welcome) <= 1

    def test_lets_nothing_through_while_it_is_stored(self, router, store, reactor, log):
        client = joined(router)
        store.commits.shut()
        router.revoke(client)
        reactor.turn_until(lambda: router.realm.authids == [])
        client.send(make_publish("x"), make_hello("ann"), Goodbye(LOGOUT))
        reactor.turn()
        assert client.said == [Challenge, Welcome]
        store.commits.open()
        router.until(client, Goodbye, 1000)
        assert router.realm.processed == []
        assert log.at("error", "critical") == []

    def test_lets_nothing_through_that_stands_in_the_same_frame(self, router):
        client = router.connect(subprotocol="wamp.2.json.batched")
        router.log_in(client)

        def process(session, message):
            router.realm.processed.append(message)
            router.revoke(client)

        router.realm.process = process
        client.send(make_publish("a"), make_publish("b"), frames=1)
        router.until(client, 1000)
        assert [message.args for message in router.realm.processed] == [["a"]]

    @pytest.mark.parametrize("state", [state for state, _ in STATES])
    def test_aborts_the_tcp_connection_two_seconds_later(self, router, reactor, state):
        client = state(router)
        end(router, client)
        reactor.advance(1.9)
        assert not client.transport.aborted
        reactor.advance(0.1)
        assert client.transport.aborted
        client.lose()
        reactor.advance(5)

    def test_takes_the_session_off_the_router_before_it_is_acknowledged(self, router, reactor):
        client = joined(router)
        acknowledged = []
        router.realm.publish = lambda topic, *args: acknowledged.append(topic)
        ended = router.tracker.revoke([client.protocol._cbtid])
        ended.addCallback(lambda _: acknowledged.append("acknowledged"))
        reactor.result_of(ended)
        assert "wamp.session.on_leave" in acknowledged
        assert acknowledged[-1] == "acknowledged"

    def test_lets_a_client_go_that_closes_itself(self, router, reactor):
        client = joined(router)
        end(router, client)
        client.transport.aborted = False
        client.send_close()
        assert client.transport.aborted
        client.lose()
        client.transport.aborted = False
        reactor.advance(5)
        assert not client.transport.aborted

    def test_comes_once(self, router):
        client = joined(router)
        end(router, client)
        said = client.said
        router.reactor.result_of(router.tracker.revoke([client.protocol._cbtid]))
        router.reactor.result_of(router.tracker.revoke_user(None))
        assert client.said == said

    def test_lets_the_router_say_nothing_more(self, router):
        client = joined(router)
        router.revoke(client)
        for message in (Event(1, 2), Goodbye()):
            client.protocol.send(message)
        assert client.said == [Challenge, Welcome]
        router.until(client, 1000)
        for message in (Event(1, 2), Goodbye()):
            client.protocol.send(message)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]


class TestAFarewell:
    def test_of_a_client_that_waits_for_the_answer_to_its_logout_comes_in_its_place(
        self, router, store, reactor
    ):
        client = joined(router)
        store.commits.shut()
        client.log_out()
        reactor.result_of(router.tracker.kill(client.protocol._connection, "com.example.over"))
        assert client.said == [Challenge, Welcome, Goodbye, 1000]
        assert client.frames[2].reason == "com.example.over"
        store.commits.open()
        reactor.turn_until(lambda: store.cookies == {})
        reactor.turn()
        assert len(client.said) == 4

    def test_has_as_much_of_a_reason_as_a_close_frame_holds(self, router):
        client = joined(router)
        end(router, client, "com.example." + "ä" * 100)
        close = client.transport.value().rpartition(b"\x03\xe8")[2]
        assert close.decode() == "com.example." + "ä" * 55

    def test_that_nobody_can_encode_is_an_abort_of_that_connection_alone(
        self, router, reactor, log
    ):
        clients = [router.enter() for _ in range(3)]
        clients[1].protocol.link.explanation = "\ud800"
        clients[1].protocol._serializer = router.factory._serializers["cbor"]
        reactor.result_of(router.tracker.revoke_user("joe"))
        assert [client.transport.aborted for client in clients] == [False, True, False]
        assert [client.said[-1] for client in clients] == [1000, Welcome, 1000]
        assert "GOODBYE cannot be sent to a client whose session was ended" in log.at("critical")
        clients[1].lose()
        reactor.advance(2)

    def test_in_a_batched_subprotocol_is_one_that_its_client_understands(self, router):
        client = router.connect(subprotocol="wamp.2.json.batched")
        router.log_in(client)
        end(router, client)
        assert client.said == [Challenge, Welcome, Goodbye, 1000]


class TestTheTimeOfASession:
    def test_is_over_when_its_client_has_said_nothing_for_too_long(self, make_router, reactor):
        router = make_router(idle_timeout=10)
        client = joined(router)
        for _ in range(3):
            reactor.advance(8)
            client.publish("still here")
            reactor.turn()
        assert client.said == [Challenge, Welcome]
        reactor.advance(10)
        router.until(client, 1000)
        assert client.frames[2].reason == "cookietrack.close.expired"
        assert router.realm.authids == []


class TestASessionThatCannotBeDetached:
    def test_is_closed_all_the_same(self, router, monkeypatch, log):
        client = joined(router)

        def fail(*args):
            raise ValueError("broken")

        monkeypatch.setattr(client.protocol, "onClose", fail)
        end(router, client)
        assert client.said[-2:] == [Goodbye, 1000]
        assert log.at("critical") == ["a session cannot be taken off the router"]
