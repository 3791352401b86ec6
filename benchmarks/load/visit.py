"""One client's connection: the opening handshake, a login if wanted, calls if wanted."""

import json
import socket
from collections.abc import Callable
from typing import Any

from attrs import frozen

from benchmarks.load import wire
from benchmarks.load.loop import Loop, now


@frozen
class Script:
    """
    What a visitor sends: the upgrade `request`, `first` as soon as it was accepted, the `answer` to
    a challenge, and `last` when it is welcome. The visit has succeeded when a message of type
    `until` arrives (None: with the acceptance).
    """

    request: bytes
    first: bytes = b""
    answer: bytes = b""
    last: bytes = b""
    until: int | None = None


class Visit:
    """
    Follows a script; `done(visit, succeeded)` is called once: on success, on an answer that is not
    in the script, or when the server closes. A visit that has succeeded can go on and call.
    """

    def __init__(
        self, loop: Loop, port: int, script: Script, done: Callable[["Visit", bool], None]
    ) -> None:
        self.started = now()
        self.cookie: str | None = None
        self._loop = loop
        self._script = script
        self._done: Callable[[Visit, bool], None] | None = done
        self._data = b""
        self._accepted = False
        self._is_deaf = False
        self._calls: dict[int, Callable[[Any], None]] = {}
        self._requests = 0
        # On the loopback a connection is there at once, unless the server's backlog is full.
        self._socket = socket.create_connection(("127.0.0.1", port), 30)
        self._socket.sendall(script.request)
        loop.watch(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Drop the connection, as a browser does that is closed. Idempotent."""
        if self._socket.fileno() >= 0:
            if not self._is_deaf:
                self._loop.forget(self._socket.fileno())
            self._socket.close()

    def deafen(self) -> None:
        """Read nothing from now on, and never close."""
        self._is_deaf = True
        self._loop.ignore(self._socket.fileno())

    def call(self, procedure: str, *args: Any, then: Callable[[Any], None]) -> None:
        """Call, and give the first of the results to `then`."""
        self._requests += 1
        self._calls[self._requests] = then
        self._socket.sendall(wire.call(self._requests, procedure, *args))

    def _readable(self) -> None:
        try:
            chunk = self._socket.recv(65536)
        except ConnectionError:
            chunk = b""
        if not chunk:
            self._finish(False)
            return
        self._data += chunk
        if self._accepted or self._handshake():
            self._frames()

    def _handshake(self) -> bool:
        response, found, rest = self._data.partition(wire.HEADERS_END)
        if not found:
            return False
        if not wire.accepted(response):
            self._finish(False)
            return False
        self._accepted, self._data = True, rest
        self.cookie = wire.cookie_of(response)
        if self._script.first:
            self._socket.sendall(self._script.first)
        if self._script.until is None:
            self._finish(True)
            return False
        return True

    def _frames(self) -> None:
        while found := wire.frame(self._data):
            payload, end = found
            self._data = self._data[end:]
            if payload.startswith(b"["):
                self._message(payload)
            if self._socket.fileno() < 0:
                return

    def _message(self, payload: bytes) -> None:
        kind = wire.kind(payload)
        if kind == wire.RESULT:
            _, request, _, results, *_ = [*json.loads(payload), []]
            self._calls.pop(request)(results[0] if results else None)
        elif kind == self._script.until:
            self._finish(True)
        elif kind == wire.CHALLENGE and self._script.answer:
            self._socket.sendall(self._script.answer)
        elif kind == wire.WELCOME and self._script.last:
            self._socket.sendall(self._script.last)
        else:
            self._finish(False)

    def _finish(self, succeeded: bool) -> None:
        if not succeeded:
            self.close()
        if self._done:
            done, self._done = self._done, None
            done(self, succeeded)
