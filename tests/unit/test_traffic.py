"""Messages that are heard and said without Autobahn's lines for logs: as with them otherwise."""

import pytest
from autobahn.wamp.exception import ProtocolError, SerializationError, TransportLost
from autobahn.wamp.message import Event, Hello, Welcome

from cookietrack_plugin.router.fast import traffic
from tests.support.protocols import ROUTER, Client, FakeSession
from tests.support.realm import SessionFactory

pytest_plugins = ["tests.support.routers"]

GARBAGE = b"\x81\x84\0\0\0\0what"
NO_URI = b'\x81\x8c\0\0\0\0[1,"# ", {}]'
NO_WAMP = b"\x81\x86\0\0\0\0[4711]"
PROTOCOL_ERROR, INTERNAL_ERROR = 1002, 1011


@pytest.fixture(params=["info", "trace", "changed"])
def level(request, monkeypatch):
    """With the way of our own, and with Autobahn's: for its log, and as its methods changed."""
    level = "info" if request.param == "changed" else request.param
    monkeypatch.setattr(traffic, "get_global_log_level", lambda: level)
    monkeypatch.setattr(traffic, "CHANGED", ("send",) if request.param == "changed" else ())
    return request.param


@pytest.fixture
def client(level, make_router):
    return make_router(sessions=SessionFactory(FakeSession)).connect()


@pytest.fixture
def failures(client, monkeypatch):
    """What the log says of failures."""
    told = []
    log = Recorder()
    log.critical = lambda *args, **fields: told.append(fields)
    monkeypatch.setattr(client.protocol, "log", log)
    return told


class Recorder:
    """A log that notes at which levels it was called, and with which text."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, level):
        return lambda text="", **fields: self.calls.append((level, text))


def event() -> Event:
    return Event(1, 2, args=["hello"])


def test_a_connection_is_known_and_counted_until_it_ends(client):
    protocol = client.protocol
    assert protocol.peer == protocol._transport_details.peer == "tcp4:192.168.1.1:54321"
    assert protocol._transport_details.marshal()["channel_framing"] == "websocket"
    assert protocol._transport_details.is_server
    assert protocol.factory.countConnections == 1
    session = client.session
    client.leave_without_a_word()
    assert protocol.factory.countConnections == 0
    assert session.closed
    assert protocol.state == protocol.STATE_CLOSED


def test_a_connection_that_ends_oddly_is_forgotten_as_well(client):
    session = client.session
    client.lose(OSError("unplugged"))
    assert client.protocol.factory.countConnections == 0
    assert session.closed


def test_small_messages_are_sent_at_once(level, make_router):
    client = Client(make_router().factory)
    assert client.transport.nodelay


def test_a_message_is_heard_and_counted(client):
    client.hello()
    assert [type(message) for message in client.session.received] == [Hello]
    assert client.protocol.trafficStats.incomingWebSocketMessages == 1


def test_a_message_is_said_and_counted(client):
    written = len(client.transport.value())
    client.protocol.send(event())
    assert client.said == [Event]
    traffic_stats = client.protocol.trafficStats
    assert traffic_stats.outgoingWebSocketMessages == 1
    assert traffic_stats.outgoingOctetsWireLevel == len(client.transport.value()) - written


def test_lines_are_made_up_where_they_are_shown(client, level, monkeypatch):
    monkeypatch.setattr(client.protocol, "log", log := Recorder())
    client.hello()
    client.protocol.send(event())
    client.leave_without_a_word()
    told = [level for level, text in log.calls if "{func}" in text or "{action1}" in text]
    wanted = ["debug", "trace", "trace", "debug", "debug", "debug"]
    assert told == ([] if level == "info" else wanted)


@pytest.mark.parametrize(
    ("frame", "code"),
    [(GARBAGE, PROTOCOL_ERROR), (NO_WAMP, PROTOCOL_ERROR), (NO_URI, INTERNAL_ERROR)],
    ids=["no JSON", "no WAMP", "no URI"],
)
def test_what_is_no_message_ends_the_connection(client, level, failures, frame, code):
    client.protocol.dataReceived(frame)
    assert client.said == [code]
    assert client.session.received == []
    # It is the client's fault, and anybody can be one: no traceback for each.
    assert len(failures) == (0 if level == "info" else 1)


@pytest.mark.parametrize(
    ("error", "code", "what"),
    [
        (ProtocolError("out of turn"), PROTOCOL_ERROR, "WAMP Protocol Error (out of turn)"),
        (KeyError("lost"), INTERNAL_ERROR, "WAMP Internal Error ('lost')"),
    ],
    ids=["protocol", "internal"],
)
def test_a_session_that_fails_ends_the_connection(
    client, level, failures, monkeypatch, error, code, what
):
    def fail(_):
        raise error

    monkeypatch.setattr(client.session, "onMessage", fail)
    client.hello()
    assert client.said == [code]
    assert client.transport.value().endswith(what.encode())
    told = 0 if level == "info" and code == PROTOCOL_ERROR else 1
    assert len(failures) == told


def test_of_an_endless_recursion_the_log_has_the_innermost_frames(client, failures, monkeypatch):
    monkeypatch.setattr(traffic, "get_global_log_level", lambda: "info")
    monkeypatch.setattr(traffic, "CHANGED", ())

    def even(number):
        odd(number - 1)

    def odd(number):
        even(number - 1) if number > 0 else None.fails

    monkeypatch.setattr(client.session, "onMessage", lambda _: even(901))
    client.hello()
    assert client.said == [INTERNAL_ERROR]
    [failure] = failures
    assert failure["tb"].count("in even") == traffic.MAX_FRAMES // 2
    assert "fails" in failure["tb"]


def test_what_cannot_be_serialized_fails_whoever_sends_it(client):
    with pytest.raises(SerializationError):
        client.protocol.send(Welcome(1, ROUTER, authextra={"x": object()}))
    assert client.said == []


def test_nothing_is_said_on_a_connection_that_was_lost(client):
    client.leave_without_a_word()
    client.protocol.send(event())
    assert client.said == []


def test_nobody_can_say_anything_on_a_connection_without_a_session(client):
    client.protocol._session = None
    with pytest.raises(TransportLost):
        client.protocol.send(event())
