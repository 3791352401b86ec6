"""A connection whose cookie and session a tracker looks after."""

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from cookietrack_plugin.router.extent import early_limit, may_be_deep
from cookietrack_plugin.router.fast.jsontext import QuickJson
from cookietrack_plugin.router.gate import Gate
from cookietrack_plugin.router.handshake import TrackedHandshake
from cookietrack_plugin.router.held import HeldMessages
from cookietrack_plugin.router.link import ProtocolLink
from cookietrack_plugin.tracking.admission import Admission
from cookietrack_plugin.tracking.connections import TrackedConnection


class TrackedProtocol(TrackedHandshake):
    """
    What happens on the open connection: `gate` stands before its session, `link` ends it, and
    `held` are the messages that wait for a logout to be durable.
    """

    gate: Gate
    link: ProtocolLink
    held: HeldMessages
    # The session's counterpart, on a proxy worker: see `proxy.Backend`.
    backend: Any = None
    # Autobahn's own attribute, an option of the transport.
    maxMessagePayloadSize: int
    # Whether the message that is heard now may be nested deeply.
    may_be_deep = False

    _connection: TrackedConnection | None = None

    def entered(self, admission: Admission | None) -> None:
        self.held = HeldMessages()
        self.link = ProtocolLink(self, self._cookies.reactor)
        self._connection = self._cookies.tracker.enter(admission, self._cookies.policy, self.link)
        self.gate = Gate(self, self._cookies, self._connection)
        self.maxMessagePayloadSize = early_limit(self.maxMessagePayloadSize)

    def joined(self) -> None:
        """From now on messages may be as large as the transport allows."""
        self.maxMessagePayloadSize = type(self).maxMessagePayloadSize

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        if self._connection is not None and not self.link.ended:
            self._connection.last_heard = self._cookies.tracker.clock.now()
            # `QuickJson` has its own bound, before it reads anything.
            bounded = isinstance(self._serializer, QuickJson)
            self.may_be_deep = not bounded and may_be_deep(payload)
            super().onMessage(payload, isBinary)

    def send(self, msg: Any) -> None:
        if self.gate.lets_out(msg):
            super().send(msg)
            self.gate.sent(msg)

    def sendMessage(self, *args: Any, **kwargs: Any) -> None:
        self.held.send(partial(self._send_if_open, super().sendMessage, *args, **kwargs))

    def sendClose(self, *args: Any, **kwargs: Any) -> None:
        self.held.send(partial(self._send_if_open, super().sendClose, *args, **kwargs))

    def backend_gone(self) -> Deferred[Any]:
        """Fires when the router behind a proxy no longer has the session."""
        return self.backend.gone() if self.backend else succeed(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._connection is not None:
            self.link.lost()
            self._cookies.tracker.drop(self._connection)

    def _bailout(self, code: int, reason: str | None = None) -> None:
        # What a client said may be repeated here, also what a Close frame cannot carry.
        super()._bailout(code, reason and reason.encode(errors="replace").decode())

    def _send_if_open(self, send: Any, *args: Any, **kwargs: Any) -> None:
        if self.state == self.STATE_OPEN:
            send(*args, **kwargs)
