"""The `websocket` path service of Web transports: at start, nested, and started at run time."""

from collections.abc import Collection, Mapping
from typing import Any

from autobahn.twisted.resource import WebSocketResource
from crossbar.webservice.base import RouterWebServiceNestedPath
from crossbar.webservice.websocket import RouterWebServiceWebSocket
from twisted.internet.defer import inlineCallbacks, maybeDeferred

from cookietrack_plugin.config.guard import GUARD
from cookietrack_plugin.router.factory import create_factory
from cookietrack_plugin.router.guard.service import ClosedResource
from cookietrack_plugin.router.prepared import Prepared, taken


class CookieWebSocketService(RouterWebServiceWebSocket):
    """Crossbar's service over a store of ours."""

    @staticmethod
    @inlineCallbacks
    def create(transport: Any, path: str, config: Any) -> Any:
        if prepared := taken(transport, path, config):
            return prepared
        # Crossbar checks services that it starts with a transport, but not those started later.
        personality = transport.worker.personality
        personality.WEB_SERVICE_CHECKERS["websocket"](personality, config)
        factory = yield create_factory(transport, config)
        factory.startFactory()
        return CookieWebSocketService(transport, path, config, JoiningResource(factory))


class NestedPathService(RouterWebServiceNestedPath):
    """Crossbar's service, which may have been made before."""

    @staticmethod
    def create(transport: Any, path: str, config: Any) -> Any:
        prepared = taken(transport, path, config)
        return prepared or RouterWebServiceNestedPath.create(transport, path, config)


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


@inlineCallbacks
def prepare(transport: Any, paths: Mapping[str, Any], root: Any) -> Any:
    """
    Make the services of `paths` with a WebSocket in them, and hang them into the tree of `root`.
    Crossbar starts services once the transport listens, one after the other, and answers with 404
    until then. When it does, it is given these. Those with a guard in them are closed until then:
    what stands at `/` would answer in their place.

    :returns: a Deferred with what is `Prepared`, by path.
    """
    factories = transport.worker.personality.WEB_SERVICE_FACTORIES
    prepared = {}
    for path, config in paths.items():
        if path == "/":
            continue
        if not _has(("websocket",), config):
            if _has((GUARD,), config):
                root.resource.putChild(path.encode(), ClosedResource())
            continue
        service = yield maybeDeferred(factories[config["type"]].create, transport, path, config)
        root.resource.putChild(path.encode(), service.resource)
        prepared[path] = Prepared(config, service)
    return prepared


def _has(kinds: Collection[str], config: Mapping[str, Any]) -> bool:
    """Whether a service is of one of these kinds, or has one in it."""
    kind, nested = config["type"], []
    if kind == "path":
        nested = list(config.get("paths", {}).values())
    elif kind == GUARD:
        nested = [config["path"]]
    return kind in kinds or any(_has(kinds, item) for item in nested)
