"""
The gate before a session: nothing of a client reaches the router while its login is examined, and
no session joins before its login is stored.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from autobahn.wamp.message import Abort, Authenticate, Challenge, Goodbye, Hello, Welcome
from autobahn.wamp.types import Accept
from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.tracking.connections import NO_LOGIN, TrackedConnection
from cookietrack_plugin.tracking.login import LoginRefused
from cookietrack_plugin.tracking.revocation import LOGOUT
from cookietrack_plugin.tracking.termination import INTERNAL_ERROR

# The reason of the ABORT for a login that cannot be stored, or whose user was revoked during it.
NOT_STORED = "cookietrack.error.login_not_stored"
# The reason of the GOODBYE for a logout that cannot be stored yet.
LOGOUT_NOT_STORED = "cookietrack.error.logout_not_stored"


class Gate:
    """
    Of one connection.

    :param protocol: the connection's `TrackedProtocol`.
    """

    log = make_logger()

    def __init__(
        self, protocol: Any, cookies: RouterCookieStore, connection: TrackedConnection
    ) -> None:
        self._protocol = protocol
        self._cookies = cookies
        self._connection = connection
        # Whether the router examines a HELLO or an AUTHENTICATE, and discards what comes behind it.
        self._examines = False
        # Whether a session is on the connection, as far as its client was told.
        self.joined = False
        # Whether the router hears the client's GOODBYE at this moment.
        self._leaving = False

    def hear(self, session: Any, message: Any) -> Any:
        """
        Hand a message of the client to the session, or discard it.

        :param session: Crossbar's session, of which this is the gate.
        """
        if self._connection.ended or self._examines:
            return None
        if isinstance(message, Goodbye):
            return self._hear_goodbye(session, message)
        if not self.joined and isinstance(message, (Hello, Authenticate)):
            self._examines = True
            if isinstance(message, Hello):
                return self._begin().addCallback(lambda _: session.take(message))
        return session.take(message)

    def accept(self, accept: Accept) -> Deferred[Accept]:
        """
        What an authenticator accepts, once its login is stored. Never fires where it cannot be: the
        connection is ended then, with an ABORT.
        """
        session = _session_of(accept)
        if accept.authprovider == "cookie" and not self._is_known_as(session):
            refused = LoginRefused("the cookie was ended during the login")
            return self._refuse(Failure(refused))
        accepted = self._cookies.tracker.accept(self._connection, session, self._stores(accept))
        return accepted.addCallbacks(lambda _: accept, self._refuse)

    def said(self, message: Any) -> bool:
        """
        The router is about to send a message; whether to send it. A GOODBYE that answers none of
        the client's ends the connection, and is sent when that is durable.
        """
        if self._connection.ended:
            return False
        if isinstance(message, Welcome):
            self._examines, self.joined = False, True
            self._protocol.link.welcomed, self._protocol.link.said_goodbye = True, False
        elif isinstance(message, (Challenge, Abort)):
            self._examines = False
            if isinstance(message, Abort):
                self._cookies.tracker.leave(self._connection)
        elif isinstance(message, Goodbye):
            return self._said_goodbye(message)
        return True

    def killed(self, reason: str, explanation: str | None = None) -> None:
        """The router has ended the session: `wamp.session.kill*`, or its realm is stopped."""
        if self.joined and not self._connection.ended:
            self._protocol.link.explanation = explanation
            killed = self._cookies.tracker.kill(self._connection, reason)
            # It is logged, and tried again.
            killed.addErrback(lambda _: None)

    def _begin(self) -> Deferred[None]:
        self._protocol.link.welcomed = self._protocol.link.said_goodbye = False
        return self._cookies.tracker.hello(self._connection).addCallback(self._confirm)

    def _confirm(self, record: Cookie | None) -> None:
        """A HELLO may come long after the handshake: the cookie's login has to be good still."""
        if not self._protocol.is_known_as(record):
            self._protocol.forget_login()

    def _is_known_as(self, session: Auth) -> bool:
        id = self._connection.id
        record = self._cookies.tracker.known(id, self._cookies.policy) if id else None
        return bool(record and record.auth and record.auth.identity == session.identity)

    def _stores(self, accept: Accept) -> bool:
        return (
            self._cookies.authenticates
            and accept.authprovider != "cookie"
            and accept.authmethod not in NO_LOGIN
        )

    def _refuse(self, failure: Failure) -> Deferred[Any]:
        self.log.error(
            "cookie {id}: a login is not stored: {cause}",
            id=self._connection.id,
            cause=failure.value,
        )
        expected = failure.check(LoginRefused)
        self._protocol.link.explanation = str(failure.value) if expected else UNAVAILABLE
        self._cookies.tracker.kill(self._connection, NOT_STORED, INTERNAL_ERROR)
        return Deferred()

    def _hear_goodbye(self, session: Any, message: Goodbye) -> Any:
        self.joined = False
        self._leaving = True
        if message.reason == LOGOUT:
            logged_out = self._cookies.tracker.log_out(self._connection)
            self._protocol.held.hold(logged_out, self._logout_not_stored)
        self._cookies.tracker.leave(self._connection)
        try:
            return session.take(message)
        finally:
            self._leaving = False

    def _said_goodbye(self, message: Goodbye) -> bool:
        if not self._leaving:
            self.killed(message.reason, message.message)
            return False
        self._protocol.link.said_goodbye = True
        return True

    def _logout_not_stored(self, failure: Failure) -> None:
        self.log.error("a logout is not stored yet: {cause}", cause=failure.value)
        self._cookies.tracker.kill(self._connection, LOGOUT_NOT_STORED, INTERNAL_ERROR)


UNAVAILABLE = "cookie store not available"


def _session_of(accept: Accept) -> Auth:
    """Who joins. What of the authextra outlives its connection is stored with it."""
    return Auth(
        accept.authid or "",
        accept.authrole or "",
        accept.authmethod or "",
        accept.realm or "",
        _lasting(accept.authextra),
    )


def _lasting(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Without what Crossbar puts into it about the connection, the peer's port for example."""
    # Keys need not be strings where a client speaks CBOR or MessagePack.
    kept = {k: deepcopy(v) for k, v in (extra or {}).items() if not str(k).startswith("x_cb_")}
    return kept or None


class GatedSession:
    """
    Mixed into a session class of Crossbar's, before it. `_transport` is the `TrackedProtocol` of
    its connection, as long as there is one.
    """

    _transport: Any

    def onMessage(self, message: Any) -> Any:
        return self._transport.gate.hear(self, message)

    def take(self, message: Any) -> Any:
        """Hear it as Crossbar does, unless the connection was lost while the gate was closed."""
        if self._transport is None or self._transport._session is not self:
            return None
        return super().onMessage(message)  # type: ignore[misc]


class GatedRouterSession(GatedSession):
    """Of a router worker: an authenticator's Accept becomes a session when the gate opens."""

    def onHello(self, realm: Any, details: Any) -> Any:
        return self._decide(super().onHello(realm, details))  # type: ignore[misc]

    def onAuthenticate(self, signature: Any, extra: Any) -> Any:
        return self._decide(super().onAuthenticate(signature, extra))  # type: ignore[misc]

    def _decide(self, result: Any) -> Any:
        gate = self._transport.gate
        decided = result if isinstance(result, Deferred) else succeed(result)
        return decided.addCallback(
            lambda answer: gate.accept(answer) if isinstance(answer, Accept) else answer
        )


class GatedProxySession(GatedSession):
    """Of a proxy worker: the backend is connected when the gate opens."""

    def frontend_accepted(self, accept: Accept) -> Any:
        accepted = self._transport.gate.accept(accept)
        return accepted.addCallback(super().frontend_accepted)  # type: ignore[misc]


def gated(session_factory: Any) -> Any:
    """
    What makes sessions as `session_factory` of Crossbar's does, each behind the gate of its
    connection.
    """
    crossbars = session_factory.session
    mixin = GatedProxySession if hasattr(crossbars, "frontend_accepted") else GatedRouterSession
    session_class = type(f"Gated{crossbars.__name__}", (mixin, crossbars), {})

    def make_session() -> Any:
        session = session_class(session_factory._routerFactory)
        session.factory = session_factory
        return session

    return make_session
