"""A connection's input and output, without formatting lines for logs that are off."""

from contextlib import suppress
from traceback import format_exc
from typing import Any

from autobahn.twisted.util import create_transport_details
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.types import TransportDetails
from autobahn.websocket.protocol import WebSocketProtocol
from crossbar.router.protocol import WampWebSocketServerProtocol
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from txaio.tx import get_global_log_level

from cookietrack_plugin.router.fast.compared import TRAFFIC, noted

# Ends of a connection that Autobahn logs at `debug` alone.
_USUAL = (ConnectionDone, ConnectionLost, ConnectionAborted)
# The innermost frames of an error that are logged. Too deep a recursion has 100,000 of them, which
# would hold up the worker for half a minute, and the node's controller with it.
MAX_FRAMES = 50
# The methods that differ in the installed Autobahn. If there are any, its own code runs.
CHANGED = noted(WampWebSocketServerProtocol, TRAFFIC)


class QuickProtocol(WampWebSocketServerProtocol):
    """
    Crossbar's own, without the lines that Autobahn formats, with colours, for every connection,
    segment and message even if its `debug` and `trace` logs are off. The methods here do everything
    else that Autobahn's do. Autobahn's own run if one of these logs is on, in rare cases, and in an
    Autobahn whose methods differ from those that these were written after.
    """

    # Autobahn's own attributes.
    _serializer: Any
    _transport_details: Any

    def connectionMade(self) -> None:
        if _is_left_to_autobahn():
            super().connectionMade()
            return
        self._transport_details = details = create_transport_details(self.transport, self.is_server)
        details.channel_framing = TransportDetails.CHANNEL_FRAMING_WEBSOCKET
        self.peer = details.peer
        # A Unix domain socket has no such option.
        with suppress(AttributeError, OSError):
            self.transport.setTcpNoDelay(self.tcpNoDelay)
        WebSocketProtocol._connectionMade(self)
        self.factory.countConnections += 1

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if _is_left_to_autobahn() or not isinstance(reason.value, _USUAL):
            super().connectionLost(reason)
            return
        WebSocketProtocol._connectionLost(self, reason)
        self.factory.countConnections -= 1

    def dataReceived(self, data: bytes) -> None:
        if _is_left_to_autobahn():
            super().dataReceived(data)
        else:
            self._dataReceived(data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        if _is_left_to_autobahn() or sync or chopsize or self.send_queue or self.logOctets:
            super().sendData(data, sync, chopsize)
            return
        self.transport.write(data)
        if self.state == self.STATE_OPEN:
            self.trafficStats.outgoingOctetsWireLevel += len(data)
        elif self.state == self.STATE_CONNECTING:
            self.trafficStats.preopenOutgoingOctetsWireLevel += len(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if _is_left_to_autobahn():
            super().onMessage(payload, isBinary)
            return
        messages = ()
        try:
            messages = self._serializer.unserialize(payload, isBinary)
            for message in messages:
                self._session.onMessage(message)
        except ProtocolError as error:
            # The client's fault, which it learns. Autobahn has a traceback at `critical` for each.
            self._bailout(self.CLOSE_STATUS_CODE_PROTOCOL_ERROR, f"WAMP Protocol Error ({error})")
        except Exception as error:  # noqa: BLE001 - as Autobahn does: the client gets it
            if messages:
                self.log.critical("{tb}", tb=format_exc(limit=-MAX_FRAMES))
            self._bailout(self.CLOSE_STATUS_CODE_INTERNAL_ERROR, f"WAMP Internal Error ({error})")

    def send(self, msg: Any) -> None:
        if _is_left_to_autobahn() or not self.isOpen():
            super().send(msg)
            return
        try:
            payload, is_binary = self._serializer.serialize(msg)
        except Exception:  # noqa: BLE001 - it fails there again, and is reported
            super().send(msg)
            return
        self.sendMessage(payload, is_binary)


def _is_left_to_autobahn() -> bool:
    return bool(CHANGED) or get_global_log_level() in ("debug", "trace")
