"""Sends audit lines and numbers to the console's pages as server-sent events (HTML, 9.2)."""

from collections.abc import Callable
from json import dumps
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from txaio.tx import make_logger
from zope.interface import implementer

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.router.console.connections import LiveConnections
from cookietrack_plugin.router.console.numbers import StoreNumbers
from cookietrack_plugin.router.console.refusals import TooMany
from cookietrack_plugin.router.console.trail import INSTANCE
from cookietrack_plugin.router.console.watched import WatchedStore

# Streams of one console in one worker.
MAX_STREAMS = 32
# How long lines are coalesced before they are sent.
GATHER_S = 0.25
# How long a list of connections is sent to all who watch: to make one takes the reactor's time.
SHARED_S = 0.25
# Earlier lines that a new client gets.
FIRST_LINES = 100


class Streams:
    """The streams of one console. On the reactor's thread."""

    def __init__(self, watched: WatchedStore) -> None:
        self.watched = watched
        self.numbers = StoreNumbers(watched)
        self._connections = LiveConnections(watched)
        self._connected: Deferred[tuple[str, bytes]] | None = None
        self._asked = 0.0
        self._open: set[Stream] = set()

    def begin(self, request: Any, shows_connections: bool) -> int:
        """
        Answer a request, for as long as its client is there and its session goes on.

        :raises TooMany: too many watch already.
        """
        if len(self._open) >= MAX_STREAMS:
            raise TooMany(f"{MAX_STREAMS} clients watch this console already")
        stream = Stream(self, request, shows_connections)
        self._open.add(stream)
        request.notifyFinish().addBoth(lambda _: self._ended(stream))
        stream.begin()
        return NOT_DONE_YET

    def connected(self) -> Deferred[tuple[str, bytes]]:
        """The connections as an event, behind what tells one list from another."""
        now = self.watched.reactor.seconds()
        if self._connected is None or now - self._asked >= SHARED_S:
            self._asked = now
            self._connected = self._connections.find({}).addCallback(_connections_event)
        return fan_out(self._connected)

    def _ended(self, stream: "Stream") -> None:
        self._open.discard(stream)
        stream.end()


@implementer(IPushProducer)
class Stream:
    """
    The stream to one client. Nothing is buffered for it: a client that reads too slowly misses
    lines, and gets their number.
    """

    log = make_logger()

    def __init__(self, streams: Streams, request: Any, shows_connections: bool) -> None:
        self._streams = streams
        self._request = request
        self._shows_connections = shows_connections
        self._observation = streams.watched.observation()
        self._position = self._first_position()
        self._paused = self._ended = False
        self._timer: Any = None
        # The connections that were sent last, as JSON.
        self._connected = ""

    def begin(self) -> None:
        request = self._request
        request.setHeader(b"content-type", b"text/event-stream")
        request.setHeader(b"cache-control", b"no-store")
        # A reverse proxy such as nginx would buffer the stream.
        request.setHeader(b"x-accel-buffering", b"no")
        request.registerProducer(self, True)
        self._send("begin", {"instance": INSTANCE})
        self._observation.trail.subscribe(self._gather)
        self._observation.history.subscribe(self._measured)
        self._send_lines()
        self._measured()

    def end(self) -> None:
        """Stop: the client has gone, or its connection was aborted."""
        self._ended = True
        self._observation.trail.unsubscribe(self._gather)
        self._observation.history.unsubscribe(self._measured)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # Twisted's, of a producer.

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        self._gather()

    def stopProducing(self) -> None:
        self._paused = True

    def _first_position(self) -> int:
        """Where to begin: behind the last line that the browser had before it reconnected."""
        instance, _, text = (self._request.getHeader("last-event-id") or "").partition("-")
        latest = self._observation.trail.position
        if instance == INSTANCE and text.isascii() and text.isdecimal() and len(text) < 16:
            return min(int(text), latest)
        return max(0, latest - FIRST_LINES)

    def _gather(self) -> None:
        if self._timer is None or not self._timer.active():
            self._timer = self._streams.watched.reactor.callLater(GATHER_S, self._send_lines)

    def _send_lines(self) -> None:
        if self._paused or self._ended:
            return
        trail = self._observation.trail
        lost, lines = trail.after(self._position)
        self._position = trail.position
        if lost:
            self._send("lost", {"lines": lost})
        first = self._position - len(lines) + 1
        parts = [_event("audit", line, position) for position, line in enumerate(lines, first)]
        if parts:
            self._request.write(b"".join(parts))

    def _measured(self) -> None:
        if self._paused or self._ended:
            return
        points = self._observation.history.points()[-1:]
        self._later(
            self._streams.numbers.now,
            lambda numbers: self._send("numbers", {**numbers, "points": points}),
        )
        if self._shows_connections:
            self._later(self._streams.connected, self._send_connections)

    def _later(self, ask: Callable[[], Deferred[Any]], send: Callable[[Any], None]) -> None:
        try:
            ask().addCallback(send).addErrback(self._failed)
        except Exception:  # noqa: BLE001 - the store may be closed while the worker stops
            self._failed(Failure())

    def _failed(self, failure: Failure) -> None:
        self.log.error("a console cannot be updated: {cause}", cause=failure.value)

    def _send_connections(self, found: tuple[str, bytes]) -> None:
        connected, event = found
        # The client may have stopped reading while it was asked for: then it does not have it.
        if connected != self._connected and not self._paused and not self._ended:
            self._connected = connected
            self._request.write(event)

    def _send(self, kind: str, data: Any) -> None:
        if not self._ended and not self._paused:
            self._request.write(_event(kind, dumps(data)))


def _connections_event(answer: dict[str, Any]) -> tuple[str, bytes]:
    return dumps({**answer, "at": 0}), _event("connections", dumps(answer))


def _event(kind: str, data: str, position: int | None = None) -> bytes:
    id = "" if position is None else f"id: {INSTANCE}-{position}\n"
    return f"{id}event: {kind}\ndata: {data}\n\n".encode()
