"""The first bytes of a connection to a universal transport."""

import pytest
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport

from cookietrack_plugin.router.head import HEAD_BYTES
from cookietrack_plugin.router.universal import UniversalFactory

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
REQUEST = f"GET /ws/x HTTP/1.1\r\nHost: localhost\r\nCookie: cbtid={VALUE}\r\n\r\n".encode()


class Heard(Protocol):
    """One of the protocols behind it: it notes what it gets."""

    def connectionMade(self):
        self.factory.segments = []

    def dataReceived(self, data):
        self.factory.segments.append(data)


@pytest.fixture
def websocket():
    return Factory.forProtocol(Heard)


@pytest.fixture
def rawsocket():
    return Factory.forProtocol(Heard)


@pytest.fixture
def connection(websocket, rawsocket):
    connection = UniversalFactory(None, {"ws": websocket}, rawsocket).buildProtocol(None)
    connection.makeConnection(StringTransport())
    return connection


def test_a_request_is_passed_on_whole_once_its_first_line_is_there(connection, websocket):
    for byte in REQUEST:
        connection.dataReceived(bytes([byte]))
    line_end = REQUEST.index(b"\r\n") + 2
    assert websocket.segments[0] == REQUEST[:line_end]
    assert b"".join(websocket.segments) == REQUEST


def test_a_request_in_one_segment_is_passed_on_in_one(connection, websocket):
    connection.dataReceived(REQUEST)
    assert websocket.segments == [REQUEST]


def test_other_protocols_need_no_line(connection, rawsocket):
    connection.dataReceived(b"\x7f")
    connection.dataReceived(b"\xf1\x00\x00")
    assert rawsocket.segments == [b"\x7f", b"\xf1\x00\x00"]


@pytest.mark.parametrize("ends", ["\n", "\r"])
def test_what_stands_in_the_place_of_a_line_is_not_logged(connection, websocket, log, ends):
    odd = REQUEST.replace(b"\r\n", ends.encode())
    connection.dataReceived(odd + b"\r\n\r\n")
    connection.dataReceived(odd + b"\r\n\r\n")
    assert connection.transport.disconnecting
    assert not hasattr(websocket, "segments")
    assert VALUE not in log.text()
    assert len(log.at("warn")) == 1


def test_a_line_that_is_too_long_is_answered_with_431(connection, log):
    connection.dataReceived(b"GET /" + b"a" * (HEAD_BYTES - 6))
    assert connection.transport.value() == b""
    connection.dataReceived(b"a")
    assert connection.transport.value().startswith(b"HTTP/1.1 431 ")
    assert connection.transport.disconnecting
    connection.dataReceived(b" HTTP/1.1\r\n\r\n")
    assert connection.transport.value().count(b"HTTP/1.1") == 1
