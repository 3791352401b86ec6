"""
Crossbar's `websocket-reverseproxy` path service behind redactors. It sends none of its client's
headers to the backend, and none of the backend's to its client: so hiding the values in its logs
takes nothing from either.
"""

from typing import Any

from crossbar.router.protocol import (
    WebSocketReverseProxyClientProtocol,
    WebSocketReverseProxyServerFactory,
    WebSocketReverseProxyServerProtocol,
)
from crossbar.webservice.websocket import RouterWebServiceWebSocketReverseProxy

from cookietrack_plugin.router.head import HandshakeBytes, HeadTooLarge, MalformedHead, TooEarly
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.redacted import RedactedHandshake
from cookietrack_plugin.router.redactor import redact_response
from cookietrack_plugin.router.webservice import JoiningResource


class BackendProtocol(WebSocketReverseProxyClientProtocol):
    """The connection to the backend, which may be a listener of this node and set its cookie."""

    def connectionMade(self) -> None:
        self._handshake = HandshakeBytes()
        super().connectionMade()

    def _dataReceived(self, data: bytes) -> None:
        if not self._handshake.is_complete:
            data = self._redacted_head(data)
        if data:
            super()._dataReceived(data)

    def _redacted_head(self, data: bytes) -> bytes:
        """Take the next bytes; once they complete the head, that and what has come behind it."""
        try:
            head = self._handshake.add(data)
            if head is None:
                return b""
            return redact_response(head, cookie_names.known()) + self._handshake.rest()
        except (HeadTooLarge, MalformedHead, TooEarly):
            self.dropConnection(abort=True)
            return b""


class FrontendProtocol(RedactedHandshake, WebSocketReverseProxyServerProtocol):
    """The client's connection."""

    # Crossbar's own attribute, which it reads when a connection ends before it was set.
    backend_protocol: Any = None

    def onConnect(self, request: Any) -> Any:
        connecting = super().onConnect(request)
        # The protocol is made when the connection is there, in a later turn of the reactor.
        self.backend_factory.protocol = BackendProtocol
        return connecting


class FrontendFactory(WebSocketReverseProxyServerFactory):
    """Makes the clients' connections."""

    protocol = FrontendProtocol


class CookieReverseProxyService(RouterWebServiceWebSocketReverseProxy):
    """The path service: Crossbar's own where there is no cookie to hide."""

    @staticmethod
    def create(transport: Any, path: str, config: Any) -> Any:
        if not cookie_names.known():
            return RouterWebServiceWebSocketReverseProxy.create(transport, path, config)
        factory = FrontendFactory(transport.worker._reactor, config)
        factory.startFactory()
        return CookieReverseProxyService(transport, path, config, JoiningResource(factory))
