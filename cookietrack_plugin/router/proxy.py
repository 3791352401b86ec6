"""
Crossbar's proxy worker: its transports checked, and its sessions ended in the router behind it.
"""

import socket
from contextlib import suppress
from typing import Any

from crossbar.worker.proxy import ProxyController
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IPushProducer
from txaio.tx import make_logger
from zope.interface import implementer

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.router.protocol import TrackedProtocol

# How long the router may take to confirm that a session has left.
LEAVE_TIMEOUT_S = 2.0
# Bytes in flight to the router, besides those that Twisted holds before it pauses a producer.
SEND_BUFFER_BYTES = 32_768


@implementer(IPushProducer)
class Backpressure:
    """
    Reads no more from a client than its router takes: the router hears what was passed on, even
    after the client's session was ended.

    :param client: the transport of its connection.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def pauseProducing(self) -> None:
        self._client.pauseProducing()

    def resumeProducing(self) -> None:
        self._client.resumeProducing()

    def stopProducing(self) -> None:
        """The router is gone; the client may log in again."""
        self._client.resumeProducing()


class Backend:
    """
    The session in the router worker that belongs to one on a proxy worker.

    :param protocol: of the client's connection.
    """

    log = make_logger()

    def __init__(self, protocol: TrackedProtocol) -> None:
        self._protocol = protocol
        self._gone: Deferred[None] = Deferred()

    def watch(self, session: Any) -> None:
        """Note when a session that is connected now leaves."""
        session.on("leave", lambda _, details: self._left(details))
        session.on("disconnect", lambda *_, **__: self.lost())
        if session._transport is not None:
            self._bound(session._transport.transport)

    def _bound(self, transport: Any) -> None:
        """Bound what is in flight to the router."""
        with suppress(AttributeError, OSError):
            transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        transport.registerProducer(Backpressure(self._protocol.transport), True)
        # Twisted does not close a connection that has a producer.
        fan_out(self._gone).addCallback(lambda _: transport.unregisterProducer())

    def lost(self) -> None:
        """Note that the session is gone, or could not be connected."""
        if not self._gone.called:
            self._gone.callback(None)

    def gone(self) -> Deferred[None]:
        """Fires when the router has confirmed that the session left, or after the timeout."""
        timeout = self._protocol._cookies.reactor.callLater(LEAVE_TIMEOUT_S, self._given_up)
        gone = fan_out(self._gone)
        return gone.addCallback(lambda _: timeout.cancel() if timeout.active() else None)

    def _given_up(self) -> None:
        self.log.error(
            "a router has not confirmed within {seconds:.0f} seconds that a session left",
            seconds=LEAVE_TIMEOUT_S,
        )
        self.lost()

    def _left(self, details: Any) -> None:
        self.lost()
        self._protocol.gate.killed(details.reason, details.message)


class CookieProxyController(ProxyController):
    """
    Crossbar's, which notes when a session behind a tracked connection leaves. If the router kills
    it, the client's protocol gets an ABORT alone; the reason is known to the backend's session.
    """

    @inlineCallbacks
    def map_backend(self, frontend: Any, *args: Any, **kwargs: Any) -> Any:
        protocol = frontend and frontend.transport
        if not isinstance(protocol, TrackedProtocol):
            return (yield super().map_backend(frontend, *args, **kwargs))
        protocol.backend = backend = Backend(protocol)
        try:
            session = yield super().map_backend(frontend, *args, **kwargs)
        except Exception:
            backend.lost()
            raise
        backend.watch(session)
        session.on("disconnect", lambda *_, **__: self._forget(frontend, session))
        return session

    def _forget(self, frontend: Any, session: Any) -> None:
        """Otherwise a client that logs in again would get the lost session, kept for good."""
        if self._backends_by_frontend.get(frontend) is session:
            del self._backends_by_frontend[frontend]


def check_proxy(personality: Any, worker: Any) -> None:
    """Check a proxy worker's transports, of which Crossbar checks nothing before it starts them."""
    for transport in worker.get("transports", ()):
        personality.check_router_transport(personality, transport)


def with_cookie_proxy(native_workers: dict[str, Any]) -> dict[str, Any]:
    """A copy of a personality's `native_workers` with this proxy worker in it."""
    proxy = {
        **native_workers["proxy"],
        "worker_class": CookieProxyController,
        "checkconfig_item": check_proxy,
    }
    return {**native_workers, "proxy": proxy}
