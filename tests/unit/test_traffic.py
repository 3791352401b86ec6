"""Messages that are heard and said without Autobahn's lines for logs: as with them otherwise."""

import pytest
from autobahn.wamp.exception import ProtocolError, SerializationError, TransportLost
from autobahn.wamp.message import Event, Hello, Welcome

from cookietrack_plugin.router import traffic
from tests.support.protocols import ROUTER

pytest_plugins = ["tests.support.routers"]

GARBAGE = b"\x81\x84\0\0\0\0what"
NO_WAMP = b"\x81\x86\0\0\0\0[4711]"
PROTOCOL_ERROR, INTERNAL_ERROR = 1002, 1011


@pytest.fixture(params=["info", "trace"])
def level(request, monkeypatch):
    """With the way of our own, and with Autobahn's."""
    monkeypatch.setattr(traffic, "get_global_log_level", lambda: request.param)
    return request.param


@pytest.fixture
def client(level, make_router):
    return make_router().connect()


@pytest.fixture
def failures(client, monkeypatch):
    """What the log says of failures."""
    told = []
    log = Recorder()
    log.critical = log.failure = lambda *args, **fields: told.append(fields)
    monkeypatch.setattr(client.protocol, "log", log)
    return told


class Recorder:
    """A log that notes at which levels it was called."""

    def __init__(self):
        self.levels = []

    def __getattr__(self, level):
        return lambda *args, **fields: self.levels.append(level)


def event() -> Event:
    return Event(1, 2, args=["hello"])


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
    assert log.levels.count("trace") == (2 if level == "trace" else 0)


@pytest.mark.parametrize("frame", [GARBAGE, NO_WAMP], ids=["no JSON", "no WAMP"])
def test_what_is_no_message_ends_the_connection(client, failures, frame):
    client.protocol.dataReceived(frame)
    assert client.said == [PROTOCOL_ERROR]
    assert client.session.received == []
    assert len(failures) == 1


@pytest.mark.parametrize(
    ("error", "code", "what"),
    [
        (ProtocolError("out of turn"), PROTOCOL_ERROR, "WAMP Protocol Error (out of turn)"),
        (KeyError("lost"), INTERNAL_ERROR, "WAMP Internal Error ('lost')"),
    ],
    ids=["protocol", "internal"],
)
def test_a_session_that_fails_ends_the_connection(client, failures, monkeypatch, error, code, what):
    def fail(_):
        raise error

    monkeypatch.setattr(client.session, "onMessage", fail)
    client.hello()
    assert client.said == [code]
    assert client.transport.value().endswith(what.encode())
    assert len(failures) == 1


def test_what_cannot_be_serialized_fails_whoever_sends_it(client):
    with pytest.raises(SerializationError):
        client.protocol.send(Welcome(1, ROUTER, authextra={"x": object()}))
    assert client.said == []


def test_nothing_is_said_on_a_connection_that_was_lost(client):
    client.leave_without_a_word()
    with pytest.raises(TransportLost):
        client.protocol.send(event())
