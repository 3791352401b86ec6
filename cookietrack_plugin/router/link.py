"""The router's side of a connection, as the tracker ends it (`tracking.connections.Link`)."""

from typing import Any

from autobahn.wamp.message import Abort, Goodbye
from twisted.internet.defer import Deferred

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

    def __init__(self, protocol: Any, reactor: Any) -> None:
        self._protocol = protocol
        self._reactor = reactor
        self._abort: Any = None
        # Nothing that the client sends reaches the router any more.
        self.ended = False
        # Which of WELCOME, and GOODBYE or ABORT, have left in the session that is there.
        self.welcomed = False
        self.said_goodbye = False
        # What the router wants its client to be told besides the reason.
        self.explanation: str | None = None

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
        protocol = self._protocol
        if protocol.state == protocol.STATE_OPEN:
            if not self.said_goodbye:
                self._say_goodbye(reason)
            protocol.sendClose(code, reason[:MAX_REASON_BYTES])
        self._abort = self._reactor.callLater(CLOSE_TIMEOUT_S, self._abort_connection)

    def forget_login(self) -> None:
        self._protocol.forget_login()

    def lost(self) -> None:
        """The TCP connection is lost."""
        self.ended = True
        if self._abort is not None:
            self._abort.cancel()

    def _say_goodbye(self, reason: str) -> None:
        kind = Goodbye if self.welcomed else Abort
        message = kind(reason, self.explanation or EXPLANATION)
        # Not through `send`: the session is gone already.
        self._protocol.sendMessage(*self._protocol._serializer.serialize(message))
        self.said_goodbye = True

    def _abort_connection(self) -> None:
        # Not `dropConnection`: it does nothing after a Close from a client that does not read.
        if self._protocol.transport is not None:
            self._protocol.transport.abortConnection()
