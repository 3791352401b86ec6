"""How a client is turned away while its cookie cannot be looked up."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from crossbar.router.protocol import WampWebSocketServerProtocol
from txaio.tx import make_logger

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.fast.quiet import QuietLogger
from cookietrack_plugin.router.redacted import RedactedHandshake

UNAVAILABLE = "cookie store not available"
# RFC 6585, section 4.
TOO_MANY_REQUESTS = 429


def unavailable() -> ConnectionDeny:
    """What `onConnect` raises: HTTP 503 (RFC 9110 section 15.6.4)."""
    return ConnectionDeny(ConnectionDeny.SERVICE_UNAVAILABLE, UNAVAILABLE)


class RetryLater(WebSocketServerProtocol):
    """
    A mixin that sends `Retry-After` to clients that are turned away, and logs nothing of them at
    `info` and above: there may be very many.
    """

    log = QuietLogger(make_logger())

    # Seconds after which a client that was turned away may come again.
    retry_after_s = 5

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        if code in (ConnectionDeny.SERVICE_UNAVAILABLE, TOO_MANY_REQUESTS):
            responseHeaders = [*(responseHeaders or ()), ("Retry-After", str(self.retry_after_s))]
        # Autobahn warns of connections that are dropped otherwise.
        self.wasClean = True
        super().failHandshake(reason, code, responseHeaders)


class RefusingProtocol(RedactedHandshake, RetryLater, WampWebSocketServerProtocol):
    """Refuses the connections of a listener whose store is not open yet."""

    def _own_cookie(self) -> CookieSettings:
        return CookieSettings.of(self.factory._config["cookie"])

    def onConnect(self, request: Any) -> Any:
        raise unavailable()
