"""A WAMP client in a few blocking calls on a socket: cheap enough for thousands of visits."""

import json
import socket
import time
from typing import Any

from benchmarks.load import wire
from tests.support.node import PATIENCE
from tests.support.onsocket import OnSocket

GOODBYE, ERROR = 6, 8
LOGOUT = "wamp.close.logout"


class Closed(Exception):
    """The router has closed the connection."""


class WampClient(OnSocket):
    """
    One connection. `status`: of the handshake. `given`: the cookie that it set, `name=value`.
    """

    def __init__(self, port: int, cookie: str | None = None) -> None:
        self._socket = self._connect(port)
        self._socket.sendall(wire.upgrade(port, "/", cookie))
        self._data = b""
        while wire.HEADERS_END not in self._data:
            self._read()
        head, _, self._data = self._data.partition(wire.HEADERS_END)
        self.status = int(head.split(b" ", 2)[1])
        self.given = wire.cookie_of(head)

    def _connect(self, port: int) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), PATIENCE)

    def hello(self, authid: str) -> list[Any]:
        """Offer the cookie, else a ticket: CHALLENGE, WELCOME or ABORT."""
        self._socket.sendall(wire.hello("realm1", ["cookie", "ticket"], authid))
        return self.receive()

    def authenticate(self, ticket: str) -> list[Any]:
        self._socket.sendall(wire.authenticate(ticket))
        return self.receive()

    def call(self, procedure: str, *args: Any) -> Any:
        """The first result; the whole message where it is an ERROR."""
        self._socket.sendall(wire.call(1, procedure, *args))
        answer = self.receive()
        return answer if answer[0] == ERROR else answer[3][0]

    def log_out(self) -> list[Any]:
        self._socket.sendall(wire.message(GOODBYE, {}, LOGOUT))
        return self.receive()

    def receive(self) -> list[Any]:
        """
        The next message.

        :raises Closed: there is none.
        """
        while True:
            if found := wire.frame(self._data):
                payload, end = found
                self._data = self._data[end:]
                if payload.startswith(b"["):
                    message: list[Any] = json.loads(payload)
                    return message
                raise Closed
            self._read()

    def wait_closed(self) -> tuple[list[list[Any]], float]:
        """Wait until the router closes: what it still said, and when it closed (monotonic)."""
        said = []
        while True:
            try:
                said.append(self.receive())
            except (Closed, ConnectionError):
                return said, time.monotonic()

    def _read(self) -> None:
        received = self._socket.recv(65536)
        if not received:
            raise Closed
        self._data += received
