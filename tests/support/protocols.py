"""Our WebSocket protocol over a transport in memory, as Crossbar's router would use it."""

from base64 import b64encode
from typing import Any

from autobahn.wamp.message import Authenticate, Goodbye, Hello, Welcome
from autobahn.wamp.message import Challenge as ChallengeMessage
from autobahn.wamp.role import RoleBrokerFeatures, RoleSubscriberFeatures
from autobahn.wamp.serializer import JsonSerializer
from autobahn.wamp.types import Accept, Challenge
from twisted.internet.defer import maybeDeferred
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.factory import CookieWebSocketFactory
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.reactor import FakeReactor

CLIENT = {"subscriber": RoleSubscriberFeatures()}
ROUTER = {"broker": RoleBrokerFeatures()}
KEY = b64encode(b"0123456789abcdef").decode()


class FakeSession:
    """
    As much of Crossbar's router session as a transport sees. `result`: what `onHello` gives, an
    Accept to let everybody in.
    """

    result: Any = Accept("realm1", "joe", "user", "ticket", "static")

    def __init__(self, router_factory: Any = None) -> None:
        self._session_id: int | None = None
        self._authid: str | None = None
        self._transport: Any = None
        self._transport_config: Any = None
        self.received: list[Any] = []
        self.closed = False

    def onOpen(self, transport: Any) -> None:
        self._transport_config = transport.factory._config

    def onHello(self, realm: Any, details: Any) -> Any:
        return self.result

    def onAuthenticate(self, signature: Any, extra: Any) -> Any:
        return self.result

    def onMessage(self, message: Any) -> None:
        self.received.append(message)
        if isinstance(message, Hello):
            maybeDeferred(self.onHello, message.realm, message).addCallback(self._answer)
        elif isinstance(message, Authenticate):
            maybeDeferred(self.onAuthenticate, "", {}).addCallback(self._answer)
        elif isinstance(message, Goodbye) and self._session_id is not None:
            self._session_id = None
            self._transport.send(Goodbye())

    def _answer(self, result: Any) -> None:
        if self._transport is None:
            return
        if isinstance(result, Accept):
            self._session_id, self._authid = 1, result.authid
            details = {"realm": result.realm, "authid": result.authid, "authrole": result.authrole}
            self._transport.send(Welcome(1, ROUTER, **details))
        elif isinstance(result, Challenge):
            self._transport.send(message_of(result))

    def onClose(self, was_clean: bool) -> None:
        self.closed = True
        self._session_id = self._transport = None


def message_of(challenge: Challenge) -> Any:
    return ChallengeMessage(challenge.method, challenge.extra)


class FakeSessionFactory:
    """What Crossbar's worker gives to its transports."""

    session: Any = FakeSession
    _routerFactory = None


class Wire(StringTransport):
    """As a TCP transport, it does not mind that nobody had registered."""

    nodelay = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def unregisterProducer(self) -> None:
        self.producer = None


class Client:
    """A WebSocket client, as bytes: what the server writes to it is in `written`."""

    def __init__(self, factory: CookieWebSocketFactory) -> None:
        self.transport = Wire()
        self.protocol = factory.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)
        self.taken = 0

    @property
    def session(self) -> FakeSession:
        return self.protocol._session

    def shake_hands(self, *fields: str, subprotocol: str = "wamp.2.json") -> "Client":
        self.send_head(*fields, f"Sec-WebSocket-Protocol: {subprotocol}")
        return self

    def send_head(self, *fields: str) -> None:
        lines = [
            "GET /ws HTTP/1.1",
            "Host: localhost",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {KEY}",
            *fields,
        ]
        self.protocol.dataReceived("\r\n".join([*lines, "", ""]).encode())

    def send(self, message: Any) -> None:
        """Send a WAMP message, masked as clients do."""
        payload, _ = JsonSerializer().serialize(message)
        size = len(payload)
        length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
        self.protocol.dataReceived(b"\x81" + length + b"\0\0\0\0" + payload)

    def hello(self) -> None:
        self.send(Hello("realm1", CLIENT, authmethods=["cookie"]))

    def leave(self, reason: str = "wamp.close.close_realm") -> None:
        self.send(Goodbye(reason))

    def log_out(self) -> None:
        self.leave(LOGOUT)

    def leave_without_a_word(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def head(self) -> str:
        """The head of the response so far."""
        return self.transport.value().partition(b"\r\n\r\n")[0].decode()

    @property
    def status(self) -> int | None:
        return int(self.head.split()[1]) if self.head else None

    @property
    def set_cookie(self) -> str | None:
        lines = [line for line in self.head.split("\r\n") if line.startswith("Set-Cookie: ")]
        return lines[0].removeprefix("Set-Cookie: ") if lines else None

    @property
    def cookie(self) -> str:
        """What a browser would send from now on."""
        assert self.set_cookie is not None
        return "Cookie: " + self.set_cookie.partition(";")[0]

    @property
    def frames(self) -> list[Any]:
        """WAMP messages and WebSocket close codes that were written since the handshake."""
        data = self.transport.value().partition(b"\r\n\r\n")[2]
        frames: list[Any] = []
        while data:
            opcode, size, start = data[0] & 15, data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            payload, data = data[start : start + size], data[start + size :]
            if opcode == 8:
                frames.append(int.from_bytes(payload[:2], "big") if payload else "close")
            else:
                frames += JsonSerializer().unserialize(payload, False)
        return frames

    @property
    def said(self) -> list[Any]:
        """The types of the messages and close codes among `frames`."""
        return [frame if isinstance(frame, int | str) else type(frame) for frame in self.frames]


class Router:
    """What Crossbar's router does on a transport, without the rest of it."""

    def __init__(
        self, store: RouterCookieStore, reactor: FakeReactor, config: dict[str, Any] | None = None
    ) -> None:
        config = {"auth": {"cookie": {}, "ticket": {}}, "cookie": {}, **(config or {})}
        self.sessions = FakeSessionFactory()
        self.factory = CookieWebSocketFactory(self.sessions, "/node", config, None, store)
        self.factory.reactor = reactor
        self.store = store
        self.reactor = reactor

    def connect(self, *fields: str) -> Client:
        """A client whose handshake is through."""
        client = Client(self.factory).shake_hands(*fields)
        self.reactor.turn_until(lambda: client.head, "the handshake is answered")
        return client

    def accepts(self, authid: str = "joe", authmethod: str = "ticket", provider: str = "static"):
        """What the authenticators of its sessions say from now on."""
        result = Accept("realm1", authid, "user", authmethod, provider)
        self.sessions.session = type("FakeSession", (FakeSession,), {"result": result})

    def log_in(self, client: Client) -> None:
        """HELLO, until the client has its WELCOME."""
        client.hello()
        self.reactor.turn_until(lambda: Welcome in client.said, "WELCOME")
