"""The path service `reverseproxy`."""

from collections.abc import Mapping
from typing import Any

import h11
from crossbar.webservice.base import RouterWebService
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, TCP6ClientEndpoint
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from txaio.tx import make_logger

from cookietrack_plugin.router.web.forwarding import BadHost
from cookietrack_plugin.router.web.outbound import Upstream
from cookietrack_plugin.router.web.relay import Relay, refuse
from cookietrack_plugin.router.web.root import rooted
from cookietrack_plugin.router.web.target import BadTarget
from cookietrack_plugin.router.web.upstream import (
    BAD_GATEWAY,
    GATEWAY_TIMEOUT,
    OneConnection,
    UpstreamConnection,
    UpstreamFailed,
)

CONNECT_TIMEOUT_S = 10
# TRACE would show a page's scripts the headers that they must not see, and CONNECT is a tunnel.
_REFUSED_METHODS = (b"CONNECT", b"TRACE")
BAD_REQUEST, NOT_IMPLEMENTED = 400, 501


class ProxiedService(RouterWebService):
    """
    `{"type": "reverseproxy"}`, with the options of Crossbar's service, in router workers and in
    proxy workers.
    """

    @staticmethod
    def create(transport: Any, path: str, config: Mapping[str, Any]) -> "ProxiedService":
        personality = transport.worker.personality
        personality.WEB_SERVICE_CHECKERS["reverseproxy"](personality, config)
        resource = ProxiedResource(transport.worker._reactor, Upstream.of(config))
        return ProxiedService(transport, path, config, rooted(resource, path))


class ProxiedResource(Resource):
    """Passes each request on to the upstream, and its response back, both as streams."""

    isLeaf = True

    def __init__(self, reactor: Any, upstream: Upstream) -> None:
        super().__init__()  # type: ignore[no-untyped-call,unused-ignore]
        self._reactor = reactor
        self._upstream = upstream
        self._endpoint = _endpoint_of(reactor, upstream)
        self._outage = Outage(f"{upstream.host}:{upstream.port}")

    def render(self, request: Any) -> int:
        if request.method in _REFUSED_METHODS:
            refuse(request, NOT_IMPLEMENTED)
        elif _asks_for_websocket(request):
            refuse(request, NOT_IMPLEMENTED, "a WebSocket needs a websocket-reverseproxy service")
        else:
            self._pass_on(request)
        return NOT_DONE_YET

    def _pass_on(self, request: Any) -> None:
        try:
            outbound = self._upstream.request(request)
        except (BadTarget, BadHost) as error:
            refuse(request, BAD_REQUEST, str(error))
            return
        except h11.LocalProtocolError:
            refuse(request, BAD_REQUEST, "expected headers without control characters")
            return
        relay = Relay(request, self._outage.note)
        connection = UpstreamConnection(outbound, relay, self._reactor.callLater)
        connecting = self._endpoint.connect(OneConnection(connection))

        def client_left(_: Failure) -> None:
            connection.abort()
            connecting.cancel()

        def unreachable(failure: Failure) -> None:
            if not connection.is_over:
                relay.fail(_cause_of(failure))

        request.notifyFinish().addErrback(client_left)
        connecting.addErrback(unreachable)


class Outage:
    """Logs what keeps an upstream from answering, once until it answers again."""

    log = make_logger()

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._cause: str | None = None

    def note(self, failure: UpstreamFailed | None) -> None:
        """Note how a request has ended: with this failure, or None for a response."""
        cause = str(failure) if failure else None
        if cause == self._cause:
            return
        if cause:
            message = "the proxied service {upstream} fails: {cause}"
            self.log.warn(message, upstream=self._upstream, cause=cause)
        else:
            self.log.info("the proxied service {upstream} answers again", upstream=self._upstream)
        self._cause = cause


def _endpoint_of(reactor: Any, upstream: Upstream) -> Any:
    host = upstream.host
    # Only a name needs to be looked up, which takes a thread each time.
    kind: Any = HostnameEndpoint
    if isIPAddress(host):
        kind = TCP4ClientEndpoint
    elif isIPv6Address(host):
        kind = TCP6ClientEndpoint
    return kind(reactor, host, upstream.port, timeout=CONNECT_TIMEOUT_S)


def _asks_for_websocket(request: Any) -> bool:
    protocols = request.requestHeaders.getRawHeaders(b"upgrade", [])
    return any(b"websocket" in protocol.lower() for protocol in protocols)


def _cause_of(failure: Failure) -> UpstreamFailed:
    status = GATEWAY_TIMEOUT if failure.check(ConnectTimeout) else BAD_GATEWAY
    return UpstreamFailed(status, f"no connection: {failure.getErrorMessage()}")
