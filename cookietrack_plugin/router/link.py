"""The router's side of a connection, as the tracker ends it (`tracking.connections.Link`)."""

from typing import Any

from autobahn.util import encode_truncate
from autobahn.wamp.message import Abort, Goodbye
from twisted.internet.defer import Deferred
from txaio.tx import make_logger

# After Close the client has so long to close the TCP connection itself.
CLOSE_TIMEOUT_S = 2.0
# What a Close frame holds of a reason (RFC 6455, section 5.5).
MAX_REASON_BYTES = 123

EXPLANATION = "the session was ended"


class ProtocolLink:
    """
    :param protocol: of the connection.
    :param reactor: whose timers the wall clock does not move.
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
        # What the router wants its client to be told besides the reason.
        self.explanation: str | None = None

    @property
    def peer(self) -> str:
        return str(self._protocol.peer)

    def discard_input(self) -> None:
        self.ended = True

    def detach(self) -> Deferred[Any]:
        protocol = self._protocol
        protocol.held.drop()
        # Early, and the only time: Autobahn's own call, when the TCP connection is lost, finds no
        # session any more.
        protocol.onClose(False, protocol.CLOSE_STATUS_CODE_ABNORMAL_CLOSE, EXPLANATION)
        gone: Deferred[Any] = protocol.backend_gone()
        return gone

    def close(self, reason: str, code: int) -> None:
        if self._lost:
            return
        # First: the client must not gain from a farewell that fails.
        self._abort = self._reactor.callLater(CLOSE_TIMEOUT_S, self._abort_connection)
        try:
            self._say_goodbye(reason, code)
        except Exception:  # noqa: BLE001 - those that are closed with it are closed all the same
            self.log.failure("a client cannot be told that its session was ended")
            self._abort_connection()

    def forget_login(self) -> None:
        self._protocol.forget_login()

    def lost(self) -> None:
        """The TCP connection is lost."""
        self.ended = self._lost = True
        if self._abort is not None and self._abort.active():
            self._abort.cancel()

    def _say_goodbye(self, reason: str, code: int) -> None:
        """Where the client has sent Close, or was sent one, neither of them leaves."""
        if self.farewell is not None:
            message = self.farewell(reason, self.explanation or EXPLANATION)
            # Not through `send`: the session is gone already.
            self._protocol.sendMessage(*self._protocol._serializer.serialize(message))
        # Not `sendClose`: it refuses all codes of RFC 6455 but 1000.
        self._protocol.sendCloseFrame(code, encode_truncate(reason, MAX_REASON_BYTES))

    def _abort_connection(self) -> None:
        # Not `dropConnection`: it does nothing after a Close from a client that does not read.
        self._protocol.transport.abortConnection()
