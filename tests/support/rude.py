"""A raw WAMP client that does what it is told and nothing else."""

import json
import select
import socket
import struct
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from benchmarks.load import wire
from cookietrack_plugin.header import id_of
from tests.support.wamp import Closed, WampClient

PUBLISH, PUBLISHED, SUBSCRIBE, SUBSCRIBED, EVENT = 16, 17, 32, 33, 36
REGISTER, REGISTERED, INVOCATION, YIELD = 64, 65, 68, 70
TICKET = "a-ticket"
# What an observer is subscribed to, and registered for.
TOPIC, PROCEDURE = "test.heard", "test.called"
BY_COOKIE = ("cookie", "ticket")
# A Close frame with the code 1000, masked as a client's have to be.
CLOSE = bytes([0x88, 0x82]) + wire.MASK + struct.pack("!H", 1000)
# Seconds for an answer.
PATIENCE_S = 30.0
# struct tcp_info, tcpi_state: TCP_ESTABLISHED.
ESTABLISHED = 1


class RudeClient(WampClient):
    """
    It answers neither GOODBYE nor Close, reads only when asked to, and can go on sending after it
    was closed. Users are written `authid@realm`; they log in by ticket.

    :param window_bytes: of the receive buffer; 0: what the system gives.
    """

    session: int

    def __init__(self, port: int, cookie: str | None = None, window_bytes: int = 0) -> None:
        self._window_bytes = window_bytes
        self._requests = 0
        super().__init__(port, cookie)

    def _connect(self, port: int) -> socket.socket:
        """A window of its own has to be set before the connection is made (tcp(7))."""
        connection = socket.socket()
        if self._window_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._window_bytes)
        connection.settimeout(PATIENCE_S)
        connection.connect(("127.0.0.1", port))
        return connection

    # -- what it sends -----------------------------------------------------------------------

    def send(self, *messages: bytes) -> None:
        """All of them in one segment."""
        self._socket.sendall(b"".join(messages))

    def send_anyway(self, *messages: bytes) -> None:
        """The same to a server that may have closed, or may not read any more."""
        if self._is_ready(select.POLLOUT):
            with suppress(OSError):
                self._socket.send(b"".join(messages))

    def babble(self, key: str) -> bytes:
        """A PUBLISH and a CALL that an observer hears, with the moment at which they are made."""
        said = [key, time.monotonic()]
        return self.message(PUBLISH, {}, TOPIC, said) + self.message(wire.CALL, {}, PROCEDURE, said)

    def message(self, kind: int, *rest: Any) -> bytes:
        """A message with a request number of its own."""
        self._requests += 1
        return wire.message(kind, self._requests, *rest)

    # -- what it does and waits for ----------------------------------------------------------

    def say_hello(self, user: str, methods: Sequence[str] = BY_COOKIE) -> list[Any]:
        """CHALLENGE, WELCOME or ABORT."""
        self.send(hello(user, methods))
        return self.receive_login()

    def prove(self, ticket: str = TICKET) -> list[Any]:
        """AUTHENTICATE, after a CHALLENGE: WELCOME or ABORT."""
        self.send(wire.authenticate(ticket))
        return self.receive_login()

    def receive_login(self) -> list[Any]:
        """The next message; if it is a WELCOME, the client is in this `session`."""
        answer = self.receive()
        if answer[0] == wire.WELCOME:
            self.session = answer[1]
        return answer

    def log_in(self, user: str, methods: Sequence[str] = ("ticket",)) -> "RudeClient":
        """By ticket; it must be asked for one, and let in."""
        challenge = self.say_hello(user, methods)
        assert challenge[0] == wire.CHALLENGE, challenge
        welcome = self.prove()
        assert welcome[0] == wire.WELCOME, welcome
        return self

    def come_back(self, user: str) -> "RudeClient":
        """By its cookie; it must be let in."""
        welcome = self.say_hello(user)
        assert welcome[0] == wire.WELCOME, welcome
        assert welcome[2]["authprovider"] == "cookie"
        return self

    def ask(self, kind: int, *rest: Any) -> list[Any]:
        """Send a message of this kind and give its answer; what comes before it is dropped."""
        self.send(self.message(kind, *rest))
        request = self._requests
        while True:
            answer = self.receive()
            if answer[0] != EVENT and request in answer[1:3]:
                return answer

    def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """The first result; the whole message where it is an ERROR."""
        answer = self.ask(wire.CALL, {}, procedure, args, kwargs)
        if answer[0] != wire.RESULT:
            return answer
        return answer[3][0] if len(answer) > 3 and answer[3] else None

    def answers(self) -> bool:
        """Whether it is in: a call of its own is answered."""
        try:
            return isinstance(self.call("wamp.session.count"), int)
        except (Closed, OSError):
            return False

    def subscribe(self, topic: str) -> None:
        assert self.ask(SUBSCRIBE, {}, topic)[0] == SUBSCRIBED

    def register(self, procedure: str) -> None:
        assert self.ask(REGISTER, {}, procedure)[0] == REGISTERED

    # -- what it was given ---------------------------------------------------------------------

    @property
    def cookie_id(self) -> str:
        assert self.given is not None
        return id_of(self.given.partition("=")[2])

    # -- how it stands -----------------------------------------------------------------------

    def has_received(self, kind: int) -> bool:
        """Whether a message of this kind is there to be read; nothing is read."""
        waiting = b""
        if self._is_ready(select.POLLIN):
            with suppress(OSError):
                waiting = self._socket.recv(65536, socket.MSG_PEEK)
        return any(message[0] == kind for message in _messages(self._data + waiting))

    def _is_ready(self, event: int) -> bool:
        """Before a call that must not wait: a socket with a timeout waits, MSG_DONTWAIT or not."""
        poll = select.poll()
        poll.register(self._socket, event)
        return bool(poll.poll(0))

    def is_gone(self) -> bool:
        """Whether the server has ended the TCP connection, by FIN or RST; nothing is read."""
        return self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != ESTABLISHED

    def be_patient(self) -> None:
        """Wait for a message as long as it takes."""
        self._socket.settimeout(None)

    def take(self) -> bytes:
        """What there is to read, undecoded; nothing at the end of the connection."""
        with suppress(OSError):
            return self._socket.recv(65536)
        return b""

    def rest(self) -> list[list[Any]]:
        """The messages up to the server's Close, or to the end of the connection."""
        return self.wait_closed()[0]

    def hang_up(self) -> None:
        """End the connection; who reads it on another thread is told."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def hello(user: str, methods: Sequence[str] = BY_COOKIE) -> bytes:
    """A HELLO; the authid can be empty."""
    authid, _, realm = user.partition("@")
    return wire.hello(realm, list(methods), authid or None)


def _messages(data: bytes) -> list[list[Any]]:
    found = []
    while frame := wire.frame(data):
        payload, end = frame
        data = data[end:]
        if payload.startswith(b"["):
            found.append(json.loads(payload))
    return found
