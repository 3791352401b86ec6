"""The connection to a proxied service: one request, and the response to it."""

from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

import h11
from attrs import frozen
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, connectionDone
from twisted.internet.protocol import Protocol as Connection
from twisted.protocols.basic import FileSender
from twisted.python.failure import Failure

# How long the upstream may be silent until its response begins. After that there is no bound:
# server-sent events can be far apart.
SILENCE_TIMEOUT_S = 60
# The longest head of a response, and the longest line of a chunk.
HEAD_BYTES = 65_536

BAD_GATEWAY = 502
GATEWAY_TIMEOUT = 504
NO_HTTP = "the response is no HTTP"
BROKEN_OFF = "the connection was lost before the end of the response"


class UpstreamFailed(Exception):
    """There is no complete response. `status`: the HTTP status for the client."""

    def __init__(self, status: int, cause: str) -> None:
        super().__init__(cause)
        self.status = status


@frozen
class UpstreamRequest:
    """A request. `content`: its body, from the file's position on; None where it has none."""

    head: h11.Request
    content: BinaryIO | None


class Receiver(Protocol):
    """Takes a response as it comes."""

    def begin(self, response: h11.Response, producer: Any) -> None:
        """The head is here. `producer` (IPushProducer) can be made to wait with the body."""

    def write(self, data: bytes) -> None:
        """The next bytes of the body."""

    def finish(self) -> None:
        """All of the body has been written."""

    def fail(self, failure: UpstreamFailed) -> None:
        """What has come so far is not the response, and no more will come."""


class UpstreamConnection(Connection):
    """
    Sends a request, and gives a receiver the response.

    No connection is used twice. What a defective service sends behind a response would otherwise be
    the response to the next request, which may be somebody else's.
    """

    # A TCP transport, which Twisted's class does not say.
    transport: Any

    def __init__(
        self, request: UpstreamRequest, receiver: Receiver, call_later: Callable[..., Any]
    ) -> None:
        self._request = request
        self._receiver = receiver
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        # Whether the response is complete, has failed, or has no client any more.
        self.is_over = False
        self._call_later = call_later
        self._silence: Any = None

    def connectionMade(self) -> None:
        if self.is_over:
            self.transport.abortConnection()
            return
        self.transport.setTcpNoDelay(True)
        self._silence = self._call_later(SILENCE_TIMEOUT_S, self._silent)
        self._send(self._request.head)
        if self._request.content is None:
            self._send(h11.EndOfMessage())
            return
        sending = FileSender().beginFileTransfer(
            self._request.content, self.transport, self._framed
        )
        # It fails when the connection does, which `connectionLost` sees to.
        sending.addCallbacks(self._sent, lambda _: None)

    def abort(self) -> None:
        """Abort the connection, now or once it is made: the client has gone."""
        self._end()
        if self.transport is not None:
            self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        self._heard()
        self._receive(data, NO_HTTP)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # What ends with its connection is complete only if the service has closed that properly.
        if reason.check(ConnectionDone):
            self._receive(b"", BROKEN_OFF)
        self._fail(BAD_GATEWAY, BROKEN_OFF)

    def _silent(self) -> None:
        self._fail(GATEWAY_TIMEOUT, f"silent for {SILENCE_TIMEOUT_S} seconds")

    def _framed(self, chunk: bytes) -> bytes:
        self._heard()
        return self._http.send(h11.Data(chunk)) or b""

    def _sent(self, _: Any) -> None:
        self._heard()
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        if not self.is_over:
            self.transport.write(self._http.send(event) or b"")

    def _heard(self) -> None:
        if self._silence.active():
            self._silence.reset(SILENCE_TIMEOUT_S)

    def _receive(self, data: bytes, defect: str) -> None:
        """Take more of the response; if that breaks the protocol, fail with `defect`."""
        try:
            if not self.is_over:
                self._http.receive_data(data)
            while not self.is_over and self._take(self._http.next_event()):
                pass
        except h11.RemoteProtocolError:
            # The error's text can have a header in it.
            self._fail(BAD_GATEWAY, defect)

    def _take(self, event: Any) -> bool:
        """Pass an event of h11's on; whether there may be another one."""
        if isinstance(event, h11.Response):
            self._silence.cancel()
            self._receiver.begin(event, self.transport)
        elif isinstance(event, h11.Data):
            self._receiver.write(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage):
            # With its trailers, which a client that did not ask for them may ignore (RFC 9110 6.5).
            self._complete()
        else:
            return isinstance(event, h11.InformationalResponse)
        return True

    def _complete(self) -> None:
        self._end()
        if self._http.our_state is h11.SEND_BODY:
            # The service did not wait for the whole request.
            self.transport.abortConnection()
        else:
            self.transport.loseConnection()
        self._receiver.finish()

    def _fail(self, status: int, cause: str) -> None:
        if self.is_over:
            return
        self._end()
        self.transport.abortConnection()
        self._receiver.fail(UpstreamFailed(status, cause))

    def _end(self) -> None:
        self.is_over = True
        if self._silence is not None and self._silence.active():
            self._silence.cancel()


class OneConnection(Factory):
    """Makes the one connection that it is given."""

    noisy = False

    def __init__(self, connection: UpstreamConnection) -> None:
        self._connection = connection

    def buildProtocol(self, addr: IAddress | None) -> UpstreamConnection:
        return self._connection
