"""Requests of a Web transport on which there may be guards."""

from collections.abc import Callable
from functools import partial
from typing import Any

from attrs import define
from crossbar.common.twisted.web import createHSTSRequestFactory

from cookietrack_plugin.router.guard.bodies import HeldBody, is_held
from cookietrack_plugin.router.guard.cookies import RequestCookies, take_cookies
from cookietrack_plugin.router.guard.denial import Refusal, deny
from cookietrack_plugin.router.guard.draining import Draining, is_draining
from cookietrack_plugin.router.guard.eager import EagerRequest
from cookietrack_plugin.router.guard.identity import GuardedIdentity
from cookietrack_plugin.router.guard.paths import is_plain
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.web.channel import abort_connection
from cookietrack_plugin.tracking.visits import Visit

PLAIN_TEXT = b"text/plain; charset=utf-8"


@define
class Guards:
    """The guards of one transport. `present`: whether it has any."""

    present: bool = False


class GuardedRequest(EagerRequest):
    """
    Asks guards before a body comes, and lets them change a response's headers.

    `cookietrack`: whom a guard has let in. `visits`: by guard, those of guards that were asked
    early, until they use them. `lost`: the client is gone.
    """

    cookietrack: GuardedIdentity | None = None
    lost = False
    _body: HeldBody | None = None
    _draining: Draining | None = None
    _cookies: RequestCookies | None = None

    def __init__(self, guards: Guards, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._guards = guards
        self.visits: dict[Any, Visit] = {}
        self._before_response: list[Callable[[], None]] = []
        self._when_over: list[Callable[[], object]] = []

    def own_cookies(self) -> RequestCookies:
        """The node's cookies; the first call takes them out of the headers."""
        if self._cookies is None:
            self._cookies = take_cookies(self, cookie_names.known())
        return self._cookies

    def before_response(self, call: Callable[[], None]) -> None:
        """Call it when the response's headers are about to leave, before earlier ones."""
        self._before_response.append(call)

    def when_over(self, call: Callable[[], object]) -> None:
        """Call it when the response has left, or the client is gone."""
        self._when_over.append(call)

    def reply(self, code: int, body: bytes) -> None:
        """
        Answer with a text. If the request's own body has not come, it is not read, and the
        connection is closed.
        """
        self._before_response.clear()
        self.setResponseCode(code)
        self.setHeader(b"Content-Length", b"%d" % len(body))
        if body:
            self.setHeader(b"Content-Type", PLAIN_TEXT)
        held = self._body if self._body is not None and self._body.is_missing() else None
        if held is None:
            self.write(body)
            self.finish()
        else:
            held.refuse()
            if self.transport is not None:
                self.setHeader(b"Connection", b"close")
            self.write(body)
            held.drop_rest()

    def abort(self) -> None:
        """Nothing more is read from the client or sent to it. Synchronous."""
        if not abort_connection(self) and self._draining is not None:
            self._draining.abort()

    # Twisted's own methods.

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        # With HTTP/2 some headers may still have to be read.
        if self._guards.present and self.transport is not None and is_held(length):
            self._hold_body()

    def handleContentChunk(self, data: bytes) -> None:
        if self._body is None and self._guards.present and self.transport is None:
            self._hold_body()
        if self._body is None or self._body.passes(data):
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        go_on = partial(super().requestReceived, command, path, version)
        if self._body is None:
            go_on()
        else:
            self._body.received(go_on)

    def process(self) -> None:
        if self._guards.present and not is_plain(self.uri):
            deny(self, Refusal.NO_PATH)
        else:
            super().process()

    def write(self, data: bytes) -> None:
        if self._before_response and not self.startedWriting and not self._inFakeHead:
            calls, self._before_response = self._before_response, []
            for call in reversed(calls):
                call()
        super().write(data)

    def finish(self) -> None:
        channel, reactor = self.channel, self.site and self.site.reactor
        super().finish()
        if self._when_over and is_draining(channel):
            self._draining = Draining(channel, reactor, self._end)
        else:
            self._end()

    def connectionLost(self, reason: Any) -> None:
        self.lost = True
        super().connectionLost(reason)
        self._end()

    def _end(self) -> None:
        self._draining = None
        calls, self._when_over = self._when_over, []
        for call in calls:
            call()

    def _hold_body(self) -> None:
        self._body = HeldBody(self)
        self._body.ask()


def let_guards_in(factory: Any, options: dict[str, Any], guards: Guards) -> None:
    """
    Let a Web transport's site make `GuardedRequest`s.

    :param factory: Crossbar's `Site`. `options`: of the transport.
    """
    make: Any = partial(GuardedRequest, guards)
    if options.get("hsts"):
        make = createHSTSRequestFactory(make, int(options.get("hsts_max_age", 31536000)))
    factory.requestFactory = make
