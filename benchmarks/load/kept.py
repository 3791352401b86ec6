"""Clients that keep their connection, and ask again as soon as they are answered."""

import re
import socket
from collections.abc import Sequence
from typing import Any

from benchmarks.load import wire
from benchmarks.load.loop import Loop, now

WARMUP = 0.1
LARGEST_READ = 1 << 18
_OK = b"HTTP/1.1 200 "
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedAnswer(RuntimeError):
    """What a client got is not what it asked for: with the beginning of it."""


class Client:
    """
    Sends `request` again and again. `served` counts the answers.

    :param length: of each answer's body, in bytes.
    """

    def __init__(self, loop: Loop, port: int, request: bytes, length: int) -> None:
        self.served = 0
        self._request = request
        self._length = length
        # Of the answer that is coming: what has come of its head, and how many bytes are missing.
        self._head, self._missing = b"", 0
        self._loop = loop
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.sendall(request)
        loop.watch(self._socket.fileno(), self._readable)

    def close(self) -> None:
        self._loop.forget(self._socket.fileno())
        self._socket.close()

    def _readable(self) -> None:
        chunk = self._socket.recv(LARGEST_READ)
        if not chunk:
            raise UnexpectedAnswer("the server has closed the connection")
        if self._missing == 0:
            chunk = self._without_head(chunk)
            if self._missing == 0:
                return
        self._missing -= len(chunk)
        if self._missing == 0:
            self.served += 1
            self._socket.sendall(self._request)

    def _without_head(self, chunk: bytes) -> bytes:
        head, found, body = (self._head + chunk).partition(wire.HEADERS_END)
        if not found:
            self._head = head
            return b""
        length = _LENGTH.search(head)
        if not head.startswith(_OK) or length is None or int(length[1]) != self._length:
            raise UnexpectedAnswer(repr(head[:500]))
        self._head, self._missing = b"", self._length
        return body


def ask(port: int, requests: Sequence[str], length: int, seconds: float) -> dict[str, Any]:
    """
    How many requests a second the server answers when as many clients as there are `requests` each
    send one, and the same again after its answer, on one connection. `all`: with those of the time
    that is not measured.

    :raises UnexpectedAnswer: one was not answered with 200 and a body of this `length`.
    """
    loop = Loop()
    clients = [Client(loop, port, request.encode(), length) for request in requests]

    def served() -> int:
        return sum(client.served for client in clients)

    begin = now() + WARMUP
    loop.run(lambda: now() >= begin)
    before, begin = served(), now()
    loop.run(lambda: now() >= begin + seconds and served() > before)
    measured, elapsed = served() - before, now() - begin
    for client in clients:
        client.close()
    loop.close()
    return {"rate": measured / elapsed, "all": served()}
