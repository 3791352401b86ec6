"""Crossbar's sessions behind a gate: see `router.gate`."""

from collections.abc import Mapping
from typing import Any

from autobahn.wamp.message import Hello
from autobahn.wamp.types import Accept
from twisted.internet.defer import Deferred

from cookietrack_plugin.router.claimed import unproven_extra
from cookietrack_plugin.router.extent import require_shallow


class GatedSession:
    """
    Mixed into a session class of Crossbar's, before it. `_transport` is the `TrackedProtocol` of
    its connection, as long as there is one.
    """

    _transport: Any

    def onMessage(self, message: Any) -> None:
        if self._transport.may_be_deep:
            require_shallow(message)
        self._transport.gate.hear(self, message)

    def take(self, message: Any) -> Any:
        """Handle a message as Crossbar does."""
        return super().onMessage(message)  # type: ignore[misc]


class GatedRouterSession(GatedSession):
    """Of a router worker: an authenticator's Accept becomes a session when the gate opens."""

    def onHello(self, realm: Any, details: Any) -> Any:
        return self._decide(super().onHello(realm, details))  # type: ignore[misc]

    def onAuthenticate(self, signature: Any, extra: Any) -> Any:
        return self._decide(super().onAuthenticate(signature, extra))  # type: ignore[misc]

    def _decide(self, result: Any) -> Any:
        decided = self._transport.gate.decided
        return result.addBoth(decided) if isinstance(result, Deferred) else decided(result)


class GatedProxySession(GatedSession):
    """Of a proxy worker: the backend is connected when the gate opens."""

    # Crossbar reads it when an AUTHENTICATE comes, and sets it when a HELLO does.
    _pending_auth: Any = None

    def frontend_accepted(self, accept: Accept) -> Any:
        accepted = self._transport.gate.accept(accept)
        return accepted.addCallback(super().frontend_accepted)  # type: ignore[misc]

    def _process_Authenticate(self, message: Any) -> Any:
        # Crossbar does not wait for it: an error would be lost.
        processed = super()._process_Authenticate(message)  # type: ignore[misc]
        return processed.addErrback(self._transport.gate.failed)


def claiming(session_factory: Any, config: Mapping[str, Any]) -> Any:
    """
    A function that makes sessions as Crossbar's `session_factory` does, for a transport without a
    gate. They drop what a HELLO says of its client's login and connection.

    :param config: of the transport. What a proxy says of its clients is kept, if proxies have to
        authenticate there.
    """
    lets_proxies_in = any(map(_is_of_proxy, config.get("auth") or ()))

    class Claiming(session_factory.session):
        def onMessage(self, message: Any) -> Any:
            if isinstance(message, Hello) and not (lets_proxies_in and _is_proxys(message)):
                message.authextra = unproven_extra(message.authextra)
            return super().onMessage(message)

    return _maker(session_factory, Claiming)


def _is_proxys(hello: Hello) -> bool:
    """Whether only a proxy can log in with this HELLO."""
    return bool(hello.authmethods) and all(map(_is_of_proxy, hello.authmethods))


def _is_of_proxy(method: str) -> bool:
    return method.endswith("-proxy")


def gated(session_factory: Any) -> Any:
    """
    A function that makes sessions as Crossbar's `session_factory` does, each behind the gate of its
    connection.
    """
    crossbars = session_factory.session
    mixin = GatedProxySession if hasattr(crossbars, "frontend_accepted") else GatedRouterSession
    return _maker(session_factory, type(f"Gated{crossbars.__name__}", (mixin, crossbars), {}))


def _maker(session_factory: Any, session_class: Any) -> Any:
    def make_session() -> Any:
        session = session_class(session_factory._routerFactory)
        session.factory = session_factory
        return session

    return make_session
