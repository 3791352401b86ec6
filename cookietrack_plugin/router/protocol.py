"""Crossbar's WAMP-WebSocket server protocol, with admission, and messages that wait."""

from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from autobahn.wamp.message import Abort, Goodbye, Welcome
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from crossbar.router.protocol import WampWebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.config.policy import SECOND
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router.cookiestore import RouterCookieStore, login_of
from cookietrack_plugin.router.fast.quiet import QuietLogger
from cookietrack_plugin.router.fast.traffic import QuickProtocol
from cookietrack_plugin.router.redacted import RedactedHandshake
from cookietrack_plugin.tracking.revocation import LOGOUT
from cookietrack_plugin.tracking.visit import Admission, Visitor

UNAVAILABLE = "cookie store not available"
# Seconds after which a client that was turned away may come again.
RETRY_AFTER = "5"
# Characters of a user agent that are kept: a client may send as many as it likes.
LONGEST_AGENT = 512


class CheckedProtocol(WampWebSocketServerProtocol):
    """Crossbar's own, failing closed: it accepts a connection when its cookie store raises."""

    def onConnect(self, request: ConnectionRequest) -> Any:
        accepted = super().onConnect(request)
        if accepted is None:
            raise ConnectionDeny(ConnectionDeny.SERVICE_UNAVAILABLE, UNAVAILABLE)
        return accepted


class TrackedProtocol(RedactedHandshake, QuickProtocol, CheckedProtocol):
    """
    A connection whose cookie a tracker looks after.

    The handshake waits for the look-up, and for a new cookie until it is durable. WELCOME waits for
    the login, GOODBYE for the logout; whatever is sent behind them waits in order.
    """

    log = QuietLogger(make_logger())

    _cookies: RouterCookieStore
    # Crossbar's own attributes.
    _authprovider: str | None
    _cbtid: Any

    _admitted_as: str | None = None
    _held: list[Callable[[], None]] | None = None
    _said_goodbye = False
    # Whether the router is hearing the client, and whether the client has left its session.
    _hearing = False
    _left = False
    last_heard = 0

    def connectionMade(self) -> None:
        self._cookies = self.factory._cookiestore
        super().connectionMade()

    # -- the opening handshake ---------------------------------------------------------------

    def _own_cookie(self) -> CookieSettings:
        return self._cookies.settings

    @property
    def _presented(self) -> str | None:
        presented = self._redactor.presented
        return presented[0] if len(presented) == 1 else None

    def onConnect(self, request: ConnectionRequest) -> Deferred[Any]:
        self._require_subprotocol(request)
        agent = request.headers.get("user-agent", "")[:LONGEST_AGENT] or None
        visitor = Visitor(self._presented, request.peer, agent)
        admitted = self._cookies.tracker.admit(visitor, self._redactor.issue, self._cookies.policy)
        return admitted.addCallbacks(
            self._admitted, self._refused, callbackArgs=(request,), errbackArgs=(request,)
        )

    def _require_subprotocol(self, request: ConnectionRequest) -> None:
        """Nothing is stored for a client that the router is going to turn away."""
        if self.factory._requireWebSocketSubprotocol and not any(
            name in self.factory.protocols for name in request.protocols
        ):
            self._connect(request)

    def _admitted(self, admission: Admission, request: ConnectionRequest) -> Any:
        self._require_waiting_peer()
        self._admitted_as = admission.cookie.id
        self._cookies.tracker.enter(admission, self._cookies.policy, self)
        protocol, headers = self._connect(request)
        self._track(admission.cookie)
        if admission.created or self._cookies.policy.rolling:
            headers["Set-Cookie"] = self._redactor.set_cookie(
                admission.cookie.id, self._max_age(admission)
            )
        return protocol, headers

    def _require_waiting_peer(self) -> None:
        """If the peer left, or its time was up, a ghost session would be opened."""
        if self.state != self.STATE_CONNECTING:
            raise ConnectionDeny(ConnectionDeny.REQUEST_TIMEOUT, "handshake abandoned")

    def _max_age(self, admission: Admission) -> int:
        if admission.created:
            return self._cookies.policy.max_age
        left = admission.limit - self._cookies.tracker.clock.now()
        return max(1, round(left / SECOND))

    def _refused(self, failure: Failure, request: ConnectionRequest) -> Any:
        self._cookies.tracker.admissions.refused(self._presented, failure)
        if self._cookies.settings.on_failure == "anonymous":
            return self._untracked(request)
        raise ConnectionDeny(ConnectionDeny.SERVICE_UNAVAILABLE, UNAVAILABLE)

    def _untracked(self, request: ConnectionRequest) -> Any:
        """Go on without a cookie: whoever has one keeps it, and is not known by it."""
        self._require_waiting_peer()
        return self._connect(request)

    def _connect(self, request: ConnectionRequest) -> Any:
        """Crossbar's own `onConnect`, but for what it does about cookies."""
        self._cookies.stands_aside = True
        try:
            return super().onConnect(request)
        finally:
            self._cookies.stands_aside = False

    def _track(self, cookie: Cookie) -> None:
        """What it does about them, for the cookie that was admitted."""
        self._cbtid = self._transport_details.http_cbtid = cookie.id
        if self._cookies.authenticates:
            self._authid, self._authrole, self._authmethod, self._authrealm, self._authextra = (
                login_of(cookie)
            )
            self._authprovider = "cookie" if self._authid else None

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        if code == ConnectionDeny.SERVICE_UNAVAILABLE:
            responseHeaders = [*(responseHeaders or ()), ("Retry-After", RETRY_AFTER)]
        super().failHandshake(reason, code, responseHeaders)

    def onOpen(self) -> None:
        super().onOpen()
        if self.factory.anonymous_alone and self._cbtid and self._session:
            self._session._transport_config = self._named_config(self.factory._config)

    def _named_config(self, config: dict[str, Any]) -> Mapping[str, Any]:
        """With anonymous authentication alone the cookie's id is the authid, as without `auth`."""
        auth = config["auth"]
        anonymous = {"authid": self._cbtid, **auth["anonymous"]}
        return ChainMap({"auth": {**auth, "anonymous": anonymous}}, config)

    # -- messages that wait ------------------------------------------------------------------

    def send(self, msg: Any) -> None:
        if isinstance(msg, Welcome):
            # A client may leave and join again on the same connection.
            self._said_goodbye = self._left = False
        if isinstance(msg, Goodbye):
            self._said_goodbye = True
            # Otherwise it is told to leave, and may not care.
            self._left = self._left or self._hearing
            if msg.reason == LOGOUT:
                self.end_cookie()
        if isinstance(msg, (Goodbye, Abort)) or self._is_login(msg):
            self._hold()
        super().send(msg)

    def _is_login(self, msg: Any) -> bool:
        return self._cookies.authenticates and isinstance(msg, Welcome)

    def end_cookie(self) -> None:
        """`wamp.session.kill*` with the logout reason ends the cookie too (Crossbar issue 2051)."""
        if self._cbtid and self in self._cookies.tracker.connections.of(self._cbtid):
            self._cookies.delAuth(self._cbtid)

    def _hold(self) -> None:
        if self._held is None and self._cbtid:
            self._held = []
            # The router writes after it has sent, in the same stack: look at the next turn.
            self.factory.reactor.callLater(0, self._release_when_settled)

    def _release_when_settled(self) -> None:
        settled = self._cookies.tracker.settled(self._cbtid)
        settled.addCallbacks(lambda _: self._release(), self._not_settled)

    def _release(self) -> None:
        held, self._held = self._held or [], None
        for send in held:
            if self.state == self.STATE_OPEN:
                send()

    def _not_settled(self, failure: Failure) -> None:
        self._held = []
        self.log.error("connection failed, {what}: {cause}", what=UNAVAILABLE, cause=failure.value)
        self._fail_connection(self.CLOSE_STATUS_CODE_INTERNAL_ERROR, UNAVAILABLE)

    def sendMessage(self, *args: Any, **kwargs: Any) -> None:
        self._in_order(partial(super().sendMessage, *args, **kwargs))

    def sendClose(self, *args: Any, **kwargs: Any) -> None:
        self._in_order(partial(super().sendClose, *args, **kwargs))

    def _in_order(self, send: Callable[[], None]) -> None:
        if self._held is None:
            send()
        else:
            self._held.append(send)

    # -- what the tracker asks of a connection -----------------------------------------------

    def is_usable(self) -> bool:
        """Whether it is open: `sendClose` raises while the handshake is under way."""
        return self.state == self.STATE_OPEN

    def forget_login(self) -> None:
        """Otherwise a HELLO on this connection would still be let in by the cookie it came with."""
        if self._authprovider == "cookie":
            self._authid = self._authrole = self._authrealm = None
            self._authmethod = self._authextra = self._authprovider = None

    def is_logging_in(self) -> bool:
        """Whether its session has not begun yet, as far as its client knows."""
        return not (self._session and self._session._session_id) or self._held is not None

    def end_session(self, reason: str) -> None:
        """Close this connection: its cookie was ended. One that has left itself may stay."""
        if not self.is_usable() or self._left:
            return
        if self._session and self._session._session_id and not self._said_goodbye:
            self.send(Goodbye(reason, "the session was ended"))
        self.sendClose()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.last_heard = self._cookies.tracker.clock.now()
        self._confirm_login()
        self._hearing = True
        try:
            super().onMessage(payload, isBinary)
        finally:
            self._hearing = False

    def _confirm_login(self) -> None:
        """A HELLO may come long after the handshake: the cookie's login has to be good still."""
        if self._authprovider == "cookie" and self._session and not self._session._session_id:
            authid, authrole, _, authrealm, _ = self._cookies.getAuth(self._cbtid)
            if (authid, authrole, authrealm) != (self._authid, self._authrole, self._authrealm):
                self.forget_login()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._admitted_as:
            self._cookies.tracker.drop(self._admitted_as, self)
