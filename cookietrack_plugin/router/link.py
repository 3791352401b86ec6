"""The router's side of a connection, as the tracker ends it (`tracking.connections.Link`)."""

from typing import Any

from autobahn.util import encode_truncate
from autobahn.wamp.message import Abort, Goodbye
from twisted.internet.defer import Deferred
from txaio.tx import make_logger

# How long after Close the client may take to close the TCP connection.
CLOSE_TIMEOUT_S = 2.0
# The longest reason in a Close frame (RFC 6455, section 5.5).
MAX_REASON_BYTES = 123

EXPLANATION = "the session was ended"


class ProtocolLink:
    """
    Ends one WebSocket connection. On the reactor's thread.

    :param protocol: of the connection.
    :param reactor: gives timers: see `MonotonicReactor`.
    """

    log = make_logger()

    def __init__(self, protocol: Any, reactor: Any) -> None:
        self._protocol = protocol
        self._reactor = reactor
        self._abort: Any = None
        self._lost = False
        # Nothing that the client sends reaches the router any more.
        self.ended = False
        # The message that ends what the client knows of: ABORT until WELCOME has left, then
        # GOODBYE; None once one of them has.
        self.farewell: type[Abort] | type[Goodbye] | None = Abort
        # The router's message for its client besides the reason.
        self.explanation: str | None = None

    @property
    def peer(self) -> str:
        return str(self._protocol.peer)

    def discard_input(self) -> None:
        self.ended = True

    def detach(self) -> Deferred[Any]:
        protocol = self._protocol
        protocol.held.drop()
        # Early, and once: when the TCP connection is lost, Autobahn's own call finds no session.
        protocol.onClose(False, protocol.CLOSE_STATUS_CODE_ABNORMAL_CLOSE, EXPLANATION)
        gone: Deferred[Any] = protocol.backend_gone()
        return gone

    def close(self, reason: str, code: int) -> None:
        if self._lost:
            return
        # First: a farewell that fails must not keep the connection open.
        self._abort = self._reactor.callLater(CLOSE_TIMEOUT_S, self._abort_connection)
        try:
            self._say_goodbye(reason, code)
        except Exception:  # noqa: BLE001 - others that are closed with it are closed all the same
            self.log.failure("GOODBYE cannot be sent to a client whose session was ended")
            self._abort_connection()

    def forget_login(self) -> None:
        self._protocol.forget_login()

    def lost(self) -> None:
        """The TCP connection is lost."""
        self.ended = self._lost = True
        if self._abort is not None and self._abort.active():
            self._abort.cancel()

    def _say_goodbye(self, reason: str, code: int) -> None:
        """Send GOODBYE and Close; neither leaves once one of the sides has sent Close."""
        if self.farewell is not None:
            message = self.farewell(reason, self.explanation or EXPLANATION)
            # Not through `send`: the session is gone already.
            self._protocol.sendMessage(*self._protocol._serializer.serialize(message))
        # Not `sendClose`: it refuses all codes of RFC 6455 but 1000.
        self._protocol.sendCloseFrame(code, encode_truncate(reason, MAX_REASON_BYTES))

    def _abort_connection(self) -> None:
        # Not `dropConnection`: it does nothing after a Close from a client that does not read.
        self._protocol.transport.abortConnection()
