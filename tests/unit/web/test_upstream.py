"""The connection to an upstream and the relay of its response, without a network."""

from io import BytesIO
from types import SimpleNamespace

import h11
import pytest
from twisted.internet.error import ConnectionDone, ConnectionRefusedError, TimeoutError
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import Request, Site
from twisted.web.test.requesthelper import DummyChannel

from cookietrack_plugin.router.web.channel import abort_connection
from cookietrack_plugin.router.web.proxied import _cause_of
from cookietrack_plugin.router.web.relay import Relay
from cookietrack_plugin.router.web.upstream import (
    SILENCE_TIMEOUT_S,
    UpstreamConnection,
    UpstreamRequest,
)

HEAD = h11.Request(method="POST", target="/", headers=[("Host", "x"), ("Content-Length", "40000")])


class Receiver:
    """Notes what it is given."""

    def __init__(self):
        self.failures = []
        self.body = b""
        self.is_begun = self.is_finished = False

    def begin(self, response, producer):
        self.is_begun = True

    def write(self, data):
        self.body += data

    def finish(self):
        self.is_finished = True

    def fail(self, failure):
        self.failures.append(failure)


class TcpTransport(StringTransport):
    """As StringTransport, with what TCP has."""

    is_aborted = False

    def setTcpNoDelay(self, enabled):
        pass

    def abortConnection(self):
        self.is_aborted = True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def receiver():
    return Receiver()


@pytest.fixture
def connection(clock, receiver):
    request = UpstreamRequest(HEAD, BytesIO(bytes(40_000)))
    return UpstreamConnection(request, receiver, clock.callLater)


@pytest.fixture
def transport(connection):
    transport = TcpTransport()
    connection.makeConnection(transport)
    return transport


def read_on(transport):
    """The transport has written all; whether the request goes on."""
    transport.clear()
    if transport.producer is None:
        return False
    transport.producer.resumeProducing()
    return True


def test_an_upstream_that_says_nothing_is_504(clock, connection, receiver, transport):
    while read_on(transport):
        clock.advance(SILENCE_TIMEOUT_S - 1)
    assert receiver.failures == []
    clock.advance(SILENCE_TIMEOUT_S)
    assert [failure.status for failure in receiver.failures] == [504]
    assert transport.is_aborted
    assert str(receiver.failures[0]) == "silent for 60 seconds"


def test_an_upstream_that_takes_nothing_of_the_body_is_504(clock, connection, receiver, transport):
    read_on(transport)
    clock.advance(SILENCE_TIMEOUT_S)
    assert [failure.status for failure in receiver.failures] == [504]


def test_a_head_that_comes_bit_by_bit_is_waited_for_and_a_body_for_ever(
    clock, connection, receiver, transport
):
    for bit in (b"HTTP/1.1 200 OK\r\n", b"Content-Length: 4\r\n", b"\r\n"):
        clock.advance(SILENCE_TIMEOUT_S - 1)
        connection.dataReceived(bit)
    clock.advance(100 * SILENCE_TIMEOUT_S)
    connection.dataReceived(b"some")
    assert (receiver.body, receiver.is_finished, receiver.failures) == (b"some", True, [])


def test_nothing_is_called_after_an_abort(clock, connection, receiver, transport):
    connection.abort()
    connection.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    connection.connectionLost(Failure(ConnectionDone()))
    clock.advance(SILENCE_TIMEOUT_S)
    assert transport.is_aborted
    assert (receiver.is_begun, receiver.failures) == (False, [])
    assert clock.getDelayedCalls() == []


def test_a_connection_that_comes_after_an_abort_is_aborted(connection):
    connection.abort()
    transport = TcpTransport()
    connection.makeConnection(transport)
    assert transport.is_aborted
    assert transport.value() == b""


@pytest.mark.parametrize(
    ("error", "status"), [(TimeoutError(), 504), (ConnectionRefusedError(), 502)]
)
def test_no_connection_is_502_and_none_in_time_504(error, status):
    assert _cause_of(Failure(error)).status == status


@pytest.mark.parametrize("is_full", [False, True])
def test_a_response_waits_from_its_start_for_a_client_that_has_not_read_the_one_before(is_full):
    """Over TLS Twisted tells a producer of changes alone, and the buffer was full before."""
    channel = DummyChannel()
    channel.site = Site(Resource())
    channel._waitingForTransport = is_full
    producer = SimpleNamespace(is_paused=False)
    producer.pauseProducing = lambda: setattr(producer, "is_paused", True)
    relay = Relay(Request(channel), lambda _: None)
    relay.begin(h11.Response(status_code=200, headers=[("Content-Length", "9")]), producer)
    assert producer.is_paused is is_full


def test_a_stream_of_http2_is_aborted_with_its_connection():
    """Clients take the reset of a stream, as Twisted sends it, for the end of a body."""
    aborted = []
    transport = SimpleNamespace(abortConnection=lambda: aborted.append(True))
    stream = SimpleNamespace(transport=None, _conn=SimpleNamespace(transport=transport))
    assert abort_connection(SimpleNamespace(channel=stream))
    assert aborted == [True]
    assert not abort_connection(SimpleNamespace())
    assert aborted == [True]
