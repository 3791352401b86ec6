"""Bodies of requests, which are not read before the guards have let the client in."""

from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.web.http import datetimeToString

from cookietrack_plugin.router.guard.denial import Refusal, deny
from cookietrack_plugin.router.guard.paths import guards_on, is_plain, segments_of
from cookietrack_plugin.tracking.visits import Visit

# A body of known length up to this is read before a guard is asked, so that the connection can be
# used after a refusal.
SMALL_BYTES = 65_536
# What may come of a larger one before there is an answer, though the transport is paused: what was
# read with the head, or what the window of an HTTP/2 stream lets its client send.
EARLY_BYTES = 2 * SMALL_BYTES
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def is_held(length: int | None) -> bool:
    """Whether a body waits for guards; None for one that comes in chunks."""
    return length is None or length > SMALL_BYTES


class HeldBody:
    """
    Holds back a request's body until the guards on its path have answered. Until then no more is
    read from the client.

    :param request: a `GuardedRequest` whose headers have come.
    """

    def __init__(self, request: Any) -> None:
        self._request = request
        # The side of the client that can be paused.
        self._source = request.transport or request.channel
        self._early, self._early_bytes = BytesIO(), 0
        self._is_open = self._is_refused = False
        # What goes on with the request once the whole body is there.
        self._go_on: Callable[[], None] | None = None
        self._expects = False

    def ask(self) -> None:
        """Ask the guards, one after the other."""
        request, channel = self._request, self._request.channel
        if request.transport is None:
            target, request.method, request.clientproto = channel.path, channel.command, b"HTTP/2"
        else:
            # Twisted sets these on the request only when the body has come.
            target, request.method = channel._path, channel._command
            request.clientproto = channel._version
            expected = request.requestHeaders.getRawHeaders(b"expect", ())
            is_told = channel._version == b"HTTP/1.1"
            self._expects = is_told and [each.lower() for each in expected] == [b"100-continue"]
            request.requestHeaders.removeHeader(b"expect")
        request.uri, request.path = target, target.partition(b"?")[0]
        request.site = channel.site
        request.setHeader(b"Date", datetimeToString())
        if not is_plain(target):
            deny(request, Refusal.NO_PATH)
            return
        self._guards = guards_on(channel.site.resource, segments_of(target))
        self._source.pauseProducing()
        self._ask_next()

    def passes(self, data: bytes) -> bool:
        """Whether the request keeps a part of the body now; if not, it is held here or dropped."""
        if self._is_open:
            return True
        self._early_bytes += len(data)
        if not self._is_refused:
            self._early.write(data)
        if self._early_bytes > EARLY_BYTES and self._request.transport is not None:
            self._request.abort()
        elif self._early_bytes > EARLY_BYTES:
            # Flow control then limits the client of a stream to its window.
            self._source.pauseProducing()
        return False

    def received(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` once the guards have let the client in: the whole body has come."""
        self._go_on = go_on
        if self._is_open:
            go_on()
        elif self._is_refused and self._request.transport is None and not self._request.lost:
            # The answer has left; a stream ends when both sides have ended it.
            self._request.finish()

    def is_missing(self) -> bool:
        """Whether a part of the body is still to come."""
        return self._go_on is None

    def refuse(self) -> None:
        """Drop the body: the request is answered without it."""
        self._is_refused = True
        self._early = BytesIO()

    def drop_rest(self) -> None:
        """End a request whose answer is complete before its body is."""
        request = self._request
        if request.transport is None:
            # Let the client of a stream end it.
            self._source.resumeProducing()
        else:
            # Not `finish`: Twisted would then look for this request when the rest comes after all.
            request.site.log(request)
            request.loseConnection()
            # Over TLS a paused transport does not notice that its peer has gone.
            self._source.resumeProducing()

    def _ask_next(self) -> None:
        resource = next(self._guards, None)
        if resource is None:
            self._accept()
        else:
            resource.ask_early(self._request, lambda answer: self._answered(resource, answer))

    def _answered(self, resource: Any, answer: Visit | Refusal) -> None:
        if isinstance(answer, Refusal):
            self.refuse()
            resource.deny(self._request, answer)
        elif not self._request.lost:
            self._request.visits[resource] = answer
            self._ask_next()

    def _accept(self) -> None:
        self._is_open = True
        self._request.content.write(self._early.getvalue())
        self._early = BytesIO()
        if self._expects and self._go_on is None:
            self._request.channel.write(_CONTINUE)
        self._source.resumeProducing()
        if self._go_on is not None:
            self._go_on()
