"""HTTP byte by byte, from both of its ends: what no well-behaved library would send."""

import socket
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse
from select import select
from threading import Event, Thread
from types import TracebackType
from typing import Self

PATIENCE_S = 20.0
END = b"\r\n\r\n"


class Wire:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(PATIENCE_S)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *parts: bytes | str) -> Self:
        for part in parts:
            self.socket.sendall(part.encode("latin-1") if isinstance(part, str) else part)
        return self

    def end(self) -> Self:
        """Say that nothing more will be sent, if the other end still listens."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        return self

    def until(self, end: bytes) -> bytes:
        """All that comes up to this, which must come."""
        while end not in self._rest:
            more = self.socket.recv(65_536)
            assert more, f"the connection ended after {self._rest!r}"
            self._rest += more
        found, _, self._rest = self._rest.partition(end)
        return found + end

    def exactly(self, size: int) -> bytes:
        while len(self._rest) < size:
            more = self.socket.recv(65_536)
            assert more, f"the connection ended after {len(self._rest)} bytes"
            self._rest += more
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    def everything(self) -> bytes:
        """All that comes until the other end closes; a ConnectionError where it aborts."""
        while more := self.socket.recv(65_536):
            self._rest += more
        found, self._rest = self._rest, b""
        return found

    def is_aborted(self) -> bool:
        """Whether the other end ends the connection with a reset, whatever it has sent before."""
        try:
            self.everything()
        except ConnectionError:
            return True
        return False

    def ends(self) -> bool:
        """Whether the other end ends the connection, in any way."""
        with suppress(ConnectionError):
            self.everything()
        return True

    def abort(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def response(self, method: str = "GET") -> HTTPResponse:
        """The head of the response; its body can be read."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        return response


def connect(port: int) -> Wire:
    return Wire(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S))


class RawServer:
    """A server whose every word the test says."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(PATIENCE_S)
        self.port = int(self._socket.getsockname()[1])

    def accept(self) -> Wire:
        return Wire(self._socket.accept()[0])

    def has_no_connection(self) -> bool:
        """Whether nobody is waiting to be accepted."""
        self._socket.setblocking(False)
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_S)
        return False

    def has_connection(self, otherwise: Callable[[], object]) -> bool:
        """
        Whether there is one to accept before the call `otherwise`, which is made on a thread,
        returns.
        """
        over = Event()
        Thread(target=lambda: (otherwise(), over.set()), daemon=True).start()
        while not over.is_set():
            if select([self._socket], [], [], 0.01)[0]:
                return True
        return False

    def close(self) -> None:
        self._socket.close()


def head_of(data: bytes) -> tuple[bytes, list[tuple[str, str]]]:
    """The first line of a message, and its headers in their order, names in lower case."""
    first, *lines = data.partition(END)[0].split(b"\r\n")
    pairs = (line.decode("latin-1").partition(": ") for line in lines)
    return first, [(name.lower(), value) for name, _, value in pairs]
