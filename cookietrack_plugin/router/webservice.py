"""The `websocket` path service of Web transports: at start, nested, and started at run time."""

from typing import Any

from autobahn.twisted.resource import WebSocketResource
from crossbar.webservice.websocket import RouterWebServiceWebSocket
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.router.factory import create_factory


class CookieWebSocketService(RouterWebServiceWebSocket):
    """Crossbar's service over a store of ours."""

    @staticmethod
    @inlineCallbacks
    def create(transport: Any, path: str, config: Any) -> Any:
        # Crossbar checks services that it starts with a transport, but not those started later.
        personality = transport.worker.personality
        personality.WEB_SERVICE_CHECKERS["websocket"](personality, config)
        factory = yield create_factory(transport, config)
        factory.startFactory()
        return CookieWebSocketService(transport, path, config, JoiningResource(factory))


class JoiningResource(WebSocketResource):
    """
    Autobahn's own joins the fields of one name with a comma, which in cookies is a character like
    any other (RFC 6265 section 5.4, RFC 9113 section 8.2.3).
    """

    def render(self, request: Any) -> Any:
        headers = request.requestHeaders
        if cookies := headers.getRawHeaders(b"cookie"):
            headers.setRawHeaders(b"cookie", [b"; ".join(cookies)])
        return super().render(request)
