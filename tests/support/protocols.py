"""Our WebSocket protocol over a transport in memory, as Crossbar's router would use it."""

from base64 import b64encode
from typing import Any

from autobahn.wamp.message import Authenticate, Challenge, Goodbye, Hello, Publish, Welcome
from autobahn.wamp.role import RoleBrokerFeatures, RoleSubscriberFeatures
from autobahn.wamp.serializer import JsonSerializer
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.factory import CookieWebSocketFactory
from cookietrack_plugin.tracking.revocation import LOGOUT
from tests.support.awaited import FakeAwaited
from tests.support.realm import SECRET, Realm, SessionFactory
from tests.support.stores import ScriptedStore

CLIENT = {"subscriber": RoleSubscriberFeatures()}
ROUTER = {"broker": RoleBrokerFeatures()}
KEY = b64encode(b"0123456789abcdef").decode()
# What clients offer.
METHODS = ("cookie", "ticket", "anonymous")
TEXT, CLOSE = 1, 8


class FakeSession:
    """A session that notes what its client says, and answers nothing."""

    _session_id = _authid = None

    def __init__(self, router_factory: Any = None) -> None:
        self._transport: Any = None
        self.received: list[Any] = []
        self.closed = False

    def onOpen(self, transport: Any) -> None:
        self._transport = transport

    def onMessage(self, message: Any) -> None:
        self.received.append(message)

    def onClose(self, was_clean: bool) -> None:
        self.closed = True
        self._transport = None


class Wire(StringTransport):
    """As a TCP transport, it does not mind that nobody had registered."""

    nodelay = False
    aborted = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.nodelay = enabled

    def unregisterProducer(self) -> None:
        self.producer = None

    def abortConnection(self) -> None:
        super().abortConnection()
        self.aborted = True


class Client:
    """A WebSocket client, as bytes: what the server writes to it is in `written`."""

    def __init__(self, factory: CookieWebSocketFactory) -> None:
        self.transport = Wire()
        self.protocol = factory.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)
        self.serializer = JsonSerializer()

    @property
    def session(self) -> Any:
        return self.protocol._session

    def shake_hands(self, *fields: str, subprotocol: str = "wamp.2.json") -> "Client":
        self.serializer = JsonSerializer(batched=subprotocol.endswith("batched"))
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

    def send(self, *messages: Any, frames: int | None = None) -> None:
        """Send WAMP messages in one segment: each in a frame of its own, or all in one frame."""
        payloads = [self.serializer.serialize(each)[0] for each in messages]
        if frames == 1:
            payloads = [b"".join(payloads)]
        self.protocol.dataReceived(b"".join(frame(TEXT, each) for each in payloads))

    def hello(self, authid: str = "joe", methods: tuple[str, ...] = METHODS) -> None:
        self.send(make_hello(authid, methods))

    def authenticate(self, secret: str = SECRET) -> None:
        self.send(Authenticate(secret))

    def publish(self, *said: str) -> None:
        self.send(make_publish(*said))

    def leave(self, reason: str = "wamp.close.close_realm") -> None:
        self.send(Goodbye(reason))

    def log_out(self) -> None:
        self.leave(LOGOUT)

    def send_close(self) -> None:
        """The WebSocket closing handshake, or its answer."""
        self.protocol.dataReceived(frame(CLOSE, (1000).to_bytes(2, "big")))

    def leave_without_a_word(self) -> None:
        self.lose(ConnectionDone())

    def lose(self, error: Exception | None = None) -> None:
        """What Twisted says when the TCP connection is lost."""
        self.protocol.connectionLost(Failure(error or ConnectionAborted()))

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
            if opcode == CLOSE:
                frames.append(int.from_bytes(payload[:2], "big") if payload else "close")
            else:
                frames += self.serializer.unserialize(payload, False)
        return frames

    @property
    def said(self) -> list[Any]:
        """The types of the messages and close codes among `frames`."""
        return [frame if isinstance(frame, int | str) else type(frame) for frame in self.frames]


def frame(opcode: int, payload: bytes) -> bytes:
    """A WebSocket frame, masked as clients do."""
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 2**16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes([0x80 | opcode]) + length + b"\0\0\0\0" + payload


def make_hello(authid: str = "joe", methods: tuple[str, ...] = METHODS) -> Hello:
    return Hello("realm1", CLIENT, authmethods=list(methods), authid=authid)


def make_publish(*said: str) -> Publish:
    return Publish(1, "com.example.topic", args=list(said))


def without_cookie(router: "Router") -> Client:
    """A client that goes on without a cookie, as the store cannot say whether it has one."""
    router.store.fail_loads()
    return router.connect("Cookie: cbtid=unknown")


class Router:
    """
    What Crossbar's router does on a transport, without the rest of it: `realm` is what its clients
    join, `cookies` what it sees of our store, and `store` that store.
    """

    def __init__(
        self,
        cookies: RouterCookieStore,
        store: ScriptedStore,
        config: dict[str, Any],
        sessions: Any = None,
    ) -> None:
        self.sessions = sessions or SessionFactory()
        self.factory = CookieWebSocketFactory(
            self.sessions, "/node", config, None, FakeAwaited(cookies)
        )
        self.cookies, self.store = cookies, store
        self.tracker, self.reactor = cookies.tracker, cookies.reactor

    @property
    def realm(self) -> Realm:
        realm: Realm = self.sessions._routerFactory["realm1"]
        return realm

    def answers(self, answer: Any) -> None:
        """What the authentication method `scripted` says from now on; an exception is raised."""

        def say(said: str) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.sessions._routerFactory._worker.answer = say

    def connect(self, *fields: str, subprotocol: str = "wamp.2.json") -> Client:
        """A client whose handshake is through."""
        client = Client(self.factory).shake_hands(*fields, subprotocol=subprotocol)
        self.reactor.turn_until(lambda: client.head, "the handshake is answered")
        return client

    def log_in(self, client: Client, authid: str = "joe") -> None:
        """HELLO, and the answer to a challenge, until the client has its WELCOME."""
        heard = len(client.said)
        client.hello(authid)
        self.reactor.turn_until(lambda: len(client.said) > heard, "an answer to HELLO")
        if client.said[-1] is Challenge:
            client.authenticate()
            self.reactor.turn_until(lambda: len(client.said) > heard + 1, "one to AUTHENTICATE")
        assert client.said[-1] is Welcome

    def enter(self, authid: str = "joe") -> Client:
        """A new client that has logged in."""
        client = self.connect()
        self.log_in(client, authid)
        return client

    def revoke(self, client: Client) -> None:
        """Begin to end the cookie of a client; a failure is ignored."""
        self.tracker.revoke([client.protocol._cbtid]).addErrback(lambda _: None)

    def revoke_user(self, authid: str, authrealm: str | None = None) -> None:
        """Begin to end a user; a failure is ignored."""
        self.tracker.revoke_user(authid, authrealm).addErrback(lambda _: None)

    def until(self, client: Client, *said: Any) -> None:
        """Take turns until this is the last that the client has been told."""
        self.reactor.turn_until(lambda: client.said[-len(said) :] == [*said], str(said))
