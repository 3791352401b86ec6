"""One connection to a worker's socket: one request, bounded in size and in time, and its answer."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.interfaces import IAddress, IPushProducer
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from txaio.tx import make_logger
from zope.interface import implementer

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.errors import CookieTrackError, StoreUnavailable
from cookietrack_plugin.nodesocket.peer import is_trusted
from cookietrack_plugin.nodesocket.wire import (
    ANSWER_S,
    CLIENT_S,
    MAX_REQUEST_BYTES,
    WrongRequest,
    as_error,
    as_line,
    read_line,
)
from cookietrack_plugin.router.control.requests import Requests
from cookietrack_plugin.router.control.watcher import Watcher

# Connections at a time: each may hold an answer that its client does not read.
MAX_CONNECTIONS = 32
# Those of them that may watch, for as long as they like: an end has to get through all the same.
MAX_WATCHERS = 16


@implementer(IPushProducer)
class ControlConnection(Protocol):
    """
    Answers a client that is a process of this user or of root. One that sends nothing, sends too
    much, or does not read its answer is cut off; what it sends behind its request is ignored.
    """

    log = make_logger()
    factory: "ControlFactory"

    def __init__(self) -> None:
        self._received = bytearray()
        self._is_asked = False
        self._timer: Any = None
        self._watcher: Watcher | None = None

    def connectionMade(self) -> None:
        self.factory.connections.add(self)
        self._allow(CLIENT_S)
        transport: Any = self.transport
        if not is_trusted(transport.getHandle()):
            self._end(_line_of(WrongRequest("this socket is another user's")))
        elif len(self.factory.connections) > MAX_CONNECTIONS:
            self._end(_line_of(StoreUnavailable("too many clients ask this worker: try again")))

    def dataReceived(self, data: bytes) -> None:
        if self._is_asked:
            return
        rest, newline, _ = data.partition(b"\n")
        self._received += rest
        if len(self._received) >= MAX_REQUEST_BYTES:
            message = f"expected a request of at most {MAX_REQUEST_BYTES} bytes, found more"
            self._end(_line_of(WrongRequest(message)))
        elif newline:
            self._ask(bytes(self._received))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.connections.discard(self)
        self._disallow()
        if self._watcher is not None:
            self._watcher.stop()

    @property
    def watches(self) -> bool:
        """Whether it gets events, until it goes."""
        return self._watcher is not None

    def resumeProducing(self) -> None:
        """The client reads again."""
        if self._watcher is not None:
            self._watcher.resume()

    def pauseProducing(self) -> None:
        """The client does not read as fast as things happen."""
        if self._watcher is not None:
            self._watcher.pause()

    def stopProducing(self) -> None:
        """It has gone."""

    def _ask(self, line: bytes) -> None:
        self._is_asked = True
        self._received.clear()
        self._disallow()
        # After a timeout the work goes on: only its client is answered.
        asked: Deferred[Mapping[str, Any]] = maybeDeferred(self._answer, line)
        answered: Deferred[Any] = fan_out(asked).addTimeout(ANSWER_S, self.factory.reactor)
        answered.addCallback(as_line).addErrback(self._failed).addCallback(self._answered)

    def _answer(self, line: bytes) -> Any:
        request = read_line(line)
        if request.get("do") != "watch":
            return self.factory.requests.answer(request)
        if self.factory.watchers >= MAX_WATCHERS:
            raise StoreUnavailable(f"{MAX_WATCHERS} clients watch this worker already")
        self._watcher = Watcher(self.factory.requests.tracker(request).audit, self._write)
        return {"watching": True}

    def _failed(self, failure: Failure) -> bytes:
        if isinstance(failure.value, CookieTrackError | ValueError):
            return _line_of(failure.value)
        if failure.check(TimeoutError):
            return _line_of(StoreUnavailable("the store does not answer"))
        self.log.failure("a request of the command failed: {log_failure.value}", failure)
        return _line_of(RuntimeError("an internal error"))

    def _answered(self, answer: bytes) -> None:
        if self not in self.factory.connections:
            return
        if self._watcher is None:
            self._end(answer)
            return
        transport: Any = self.transport
        self._write(answer)
        transport.registerProducer(self, True)
        self._watcher.start()

    def _end(self, answer: bytes) -> None:
        """Send the last answer and close; a client that does not read it in time is cut off."""
        self._is_asked = True
        self._received.clear()
        self._write(answer)
        transport: Any = self.transport
        transport.loseConnection()
        self._allow(CLIENT_S)

    def _write(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.write(data)

    def _allow(self, seconds: float) -> None:
        self._disallow()
        transport: Any = self.transport
        self._timer = self.factory.reactor.callLater(seconds, transport.abortConnection)

    def _disallow(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()


def _line_of(error: Exception) -> bytes:
    return as_line(as_error(error))


class ControlFactory(Factory):
    """
    Makes connections, and knows those that are open.

    :param reactor: gives timers: see `MonotonicReactor`.
    """

    noisy = False

    def __init__(self, requests: Requests, reactor: Any) -> None:
        self.requests = requests
        self.reactor = reactor
        self.connections: set[ControlConnection] = set()

    @property
    def watchers(self) -> int:
        """How many connections watch."""
        return sum(each.watches for each in self.connections)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        connection = ControlConnection()
        connection.factory = self
        return connection

    def abort(self) -> None:
        """Abort all connections."""
        for connection in list(self.connections):
            transport: Any = connection.transport
            transport.abortConnection()
