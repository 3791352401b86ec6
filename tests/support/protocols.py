"""Our WebSocket protocol over a transport in memory, as Crossbar's router would use it."""

from base64 import b64encode
from typing import Any

from autobahn.wamp.message import Goodbye, Hello, Welcome
from autobahn.wamp.role import RoleBrokerFeatures, RoleSubscriberFeatures
from autobahn.wamp.serializer import JsonSerializer
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
    """As much of Crossbar's router session as a transport sees."""

    def __init__(self) -> None:
        self._session_id: int | None = None
        self._authid: str | None = None
        self._transport: Any = None
        self._transport_config: Any = None
        self.received: list[Any] = []
        self.closed = False

    def onOpen(self, transport: Any) -> None:
        self._transport_config = transport.factory._config

    def onMessage(self, message: Any) -> None:
        self.received.append(message)
        if isinstance(message, Goodbye) and self._session_id is not None:
            self._session_id = None
            self._transport.send(Goodbye())
            if message.reason == LOGOUT:
                self._transport.factory._cookiestore.delAuth(self._transport._cbtid)

    def onClose(self, was_clean: bool) -> None:
        self.closed = True


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
        self.factory = CookieWebSocketFactory(FakeSession, "/node", config, None, store)
        self.factory.reactor = reactor
        self.store = store
        self.reactor = reactor
        self.sessions = 0

    def connect(self, *fields: str) -> Client:
        """A client whose handshake is through."""
        client = Client(self.factory).shake_hands(*fields)
        self.reactor.turn_until(lambda: client.head, "the handshake is answered")
        return client

    def welcome(self, client: Client, authid: str = "joe") -> None:
        """Join a session: first WELCOME, then the login is stored."""
        self.sessions += 1
        client.session._session_id = self.sessions
        client.protocol.send(Welcome(self.sessions, ROUTER, authid=authid, authrole="user"))
        self.store.setAuth(client.protocol._cbtid, authid, "user", "ticket", {}, "realm1")

    def log_in(self, client: Client, authid: str = "joe") -> None:
        """The same, until the client has its WELCOME."""
        self.welcome(client, authid)
        self.reactor.turn_until(lambda: Welcome in client.said, "WELCOME")
