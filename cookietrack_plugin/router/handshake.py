"""Crossbar's WAMP-WebSocket server protocol, whose opening handshake waits for a tracker."""

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from crossbar.router.protocol import WampWebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.config.lifespan import SECOND
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router.cookiestore import RouterCookieStore, login_of
from cookietrack_plugin.router.fast.quiet import QuietLogger
from cookietrack_plugin.router.fast.traffic import QuickProtocol
from cookietrack_plugin.router.forwarded import client_of
from cookietrack_plugin.router.redacted import RedactedHandshake
from cookietrack_plugin.router.refusing import TOO_MANY_REQUESTS, RetryLater, unavailable
from cookietrack_plugin.tracking.admission import Admission, TooManyNewcomers, Visitor

# Characters that are kept of a user agent: a client may send as many as it likes.
MAX_USER_AGENT = 512


class CheckedProtocol(RetryLater, WampWebSocketServerProtocol):
    """Crossbar's own, failing closed: it accepts a connection when its cookie store raises."""

    def onConnect(self, request: ConnectionRequest) -> Any:
        accepted = super().onConnect(request)
        if accepted is None:
            raise unavailable()
        return accepted


class TrackedHandshake(RedactedHandshake, QuickProtocol, CheckedProtocol):
    """The handshake waits for the look-up, and for a new cookie until it is durable."""

    log = QuietLogger(make_logger())

    _cookies: RouterCookieStore
    _is_newcomer = False
    # Crossbar's and Autobahn's own attributes.
    _transport_details: Any
    _authprovider: str | None
    _cbtid: Any

    def entered(self, admission: Admission | None) -> None:
        """The handshake goes on, with a cookie or without one: for subclasses."""

    def connectionMade(self) -> None:
        self._cookies = self.factory._cookiestore
        super().connectionMade()

    def _own_cookie(self) -> CookieSettings:
        return self._cookies.settings

    def onConnect(self, request: ConnectionRequest) -> Deferred[Any]:
        if self._cookies.trusted_proxies:
            self._note_client(request)
        self._require_subprotocol(request)
        agent = request.headers.get("user-agent", "")[:MAX_USER_AGENT] or None
        visitor = Visitor(self._redactor.presented, request.peer, agent)
        admitted = self._cookies.tracker.admit(visitor, self._issue, self._cookies.policy)
        return admitted.addCallbacks(
            self._admitted, self._refused, callbackArgs=(request,), errbackArgs=(request,)
        )

    def _issue(self) -> str:
        # After a collision of values the same client asks again.
        if not self._is_newcomer:
            self._cookies.newcomers.admit(self.peer)
            self._is_newcomer = True
        return self._redactor.issue()

    def _note_client(self, request: ConnectionRequest) -> None:
        """From now on the connection's peer is the client, and not a trusted proxy before it."""
        peer = client_of(self.peer, request.headers, self._cookies.trusted_proxies)
        self.peer = self._transport_details.peer = request.peer = peer

    def _require_subprotocol(self, request: ConnectionRequest) -> None:
        """Turn a client away that the router would refuse, before anything is stored for it."""
        if self.factory._requireWebSocketSubprotocol and not any(
            name in self.factory.protocols for name in request.protocols
        ):
            self._connect(request)

    def _admitted(self, admission: Admission, request: ConnectionRequest) -> Any:
        self._require_waiting_peer()
        self.entered(admission)
        protocol, headers = self._connect(request)
        self._track(admission.cookie)
        if admission.created or self._cookies.policy.rolling:
            max_age = self._max_age(admission)
            headers["Set-Cookie"] = self._redactor.set_cookie(admission.cookie.id, max_age)
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
        if isinstance(limited := failure.value, TooManyNewcomers):
            self.retry_after_s = limited.retry_after
            raise ConnectionDeny(TOO_MANY_REQUESTS, str(limited))
        if self._cookies.settings.on_failure == "anonymous":
            return self._untracked(request)
        raise unavailable()

    def _untracked(self, request: ConnectionRequest) -> Any:
        """Go on without a cookie. A client that has one keeps it, and is not recognised by it."""
        self._require_waiting_peer()
        self.entered(None)
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

    def onOpen(self) -> None:
        super().onOpen()
        if self.factory.anonymous_alone and self._cbtid and self._session:
            self._session._transport_config = self._named_config(self.factory._config)

    def _named_config(self, config: dict[str, Any]) -> Mapping[str, Any]:
        """With anonymous authentication alone the cookie's id is the authid, as without `auth`."""
        auth = config["auth"]
        anonymous = {"authid": self._cbtid, **auth["anonymous"]}
        return ChainMap({"auth": {**auth, "anonymous": anonymous}}, config)

    def confirm_login(self, record: Cookie | None) -> None:
        """Forget the login that came with the cookie, unless the record still says the same."""
        authid, authrole, _, authrealm, _ = login_of(record)
        if (authid, authrole, authrealm) != (self._authid, self._authrole, self._authrealm):
            self.forget_login()

    def forget_login(self) -> None:
        """Drop the login that came with the cookie: a HELLO on the connection would use it."""
        if self._authprovider == "cookie":
            self._authid = self._authrole = self._authrealm = None
            self._authmethod = self._authextra = self._authprovider = None
