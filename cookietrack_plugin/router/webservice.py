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
        return CookieWebSocketService(transport, path, config, WebSocketResource(factory))
