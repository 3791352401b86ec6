"""What a connection hears and says, without making up lines for logs that are off."""

from typing import Any

from autobahn.wamp.exception import ProtocolError
from crossbar.router.protocol import WampWebSocketServerProtocol
from txaio import get_global_log_level


class QuickProtocol(WampWebSocketServerProtocol):
    """
    Crossbar's own. For every segment, frame and message Autobahn formats what its `debug` and
    `trace` logs would show of it, and then does not show it. What it does apart from that is done
    here; where `trace` is on, and in all cases that are seldom, it is left to Autobahn.
    """

    # Autobahn's own attributes.
    _serializer: Any

    def dataReceived(self, data: bytes) -> None:
        self._dataReceived(data)

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        if sync or chopsize or self.send_queue or self.logOctets:
            super().sendData(data, sync, chopsize)
            return
        self.transport.write(data)
        if self.state == self.STATE_OPEN:
            self.trafficStats.outgoingOctetsWireLevel += len(data)
        elif self.state == self.STATE_CONNECTING:
            self.trafficStats.preopenOutgoingOctetsWireLevel += len(data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if get_global_log_level() == "trace":
            super().onMessage(payload, isBinary)
            return
        try:
            for message in self._serializer.unserialize(payload, isBinary):
                self._session.onMessage(message)
        except ProtocolError as error:
            self._fail(self.CLOSE_STATUS_CODE_PROTOCOL_ERROR, f"WAMP Protocol Error ({error})")
        except Exception as error:  # noqa: BLE001 - as Autobahn does: the client is told
            self._fail(self.CLOSE_STATUS_CODE_INTERNAL_ERROR, f"WAMP Internal Error ({error})")

    def _fail(self, code: int, reason: str) -> None:
        self.log.failure("{reason}", reason=reason)
        self._bailout(code, reason)

    def send(self, msg: Any) -> None:
        if get_global_log_level() == "trace" or not self.isOpen():
            super().send(msg)
            return
        try:
            payload, is_binary = self._serializer.serialize(msg)
        except Exception:  # noqa: BLE001 - it fails there again, and is reported
            super().send(msg)
            return
        self.sendMessage(payload, is_binary)
