"""WebSocket protocols behind a redactor: no cookie's value reaches Autobahn, Crossbar or a log."""

from typing import Any

from autobahn.twisted.websocket import WebSocketServerProtocol
from crossbar.router.protocol import WampWebSocketServerFactory, WampWebSocketServerProtocol
from crossbar.worker.testee import WebSocketTesteeServerProtocol

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.head import HandshakeBytes, HeadTooLarge, MalformedHead, TooEarly
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.redactor import HandshakeRedactor

BAD_REQUEST = 400, "Bad Request"
TOO_LARGE = 431, "Request Header Fields Too Large"
# What Flash sends instead of a head, to listeners with `enable_flash_policy`.
POLICY_REQUEST = b"<policy-file-request/>\x00"


class RedactedHandshake(WebSocketServerProtocol):
    """
    A mixin that stands before any WebSocket server protocol, `fast.traffic.QuickProtocol` included.

    The protocol gets the head of the opening handshake redacted and in one piece. What comes behind
    it is held back until the handshake is answered, also if that takes a Deferred. A head that is
    too large is answered with HTTP 431, and one that is malformed with 400.
    """

    _redactor: HandshakeRedactor
    _handshake: HandshakeBytes
    # Autobahn's own attribute.
    data: bytes

    def _own_cookie(self) -> CookieSettings | None:
        """The cookie of this listener; None if it has none."""
        return None

    def connectionMade(self) -> None:
        self._redactor = HandshakeRedactor(self._own_cookie(), cookie_names.known())
        self._handshake = HandshakeBytes()
        super().connectionMade()

    def _dataReceived(self, data: bytes) -> None:
        # Also called by QuickProtocol, which leaves out Autobahn's dataReceived.
        if self.state == self.STATE_CONNECTING:
            data = self._redacted_head(data)
        if data:
            super()._dataReceived(data)

    def _redacted_head(self, data: bytes) -> bytes:
        """Take the next bytes; the redacted head when they complete it, otherwise nothing."""
        try:
            head = self._handshake.add(data)
            if head is not None:
                return self._redactor.redact_request(head)
        except (HeadTooLarge, MalformedHead) as error:
            code, reason = TOO_LARGE if isinstance(error, HeadTooLarge) else BAD_REQUEST
            self.failHandshake(reason, code)
        except TooEarly:
            self.dropConnection(abort=True)
        asks_for_policy = self.serveFlashSocketPolicy and self._handshake.are(POLICY_REQUEST)
        return POLICY_REQUEST if asks_for_policy else b""

    def succeedHandshake(self, res: Any) -> None:
        # Autobahn takes it up once the connection is open.
        self.data += self._handshake.rest()
        super().succeedHandshake(res)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        super().sendData(self._redactor.restore_response(data), sync, chopsize)


class RedactedProtocol(RedactedHandshake, WampWebSocketServerProtocol):
    """Crossbar's own, for listeners without a cookie of their own."""


class RedactedTesteeProtocol(RedactedHandshake, WebSocketTesteeServerProtocol):
    """Crossbar's own, for listeners of type `websocket.testee`."""


class RedactedFactory(WampWebSocketServerFactory):
    """Crossbar's own, for listeners without a cookie of their own."""

    protocol = RedactedProtocol
