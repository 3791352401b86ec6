"""A plain client of HTTP, byte by byte where no library would send it."""

import http.client
import socket
from collections.abc import Mapping

from attrs import frozen

from tests.support.onsocket import OnSocket

PATIENCE_S = 60.0


@frozen
class Reply:
    """`headers`: by name in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


class HttpClient:
    """
    Of one port. `cookie`: the text of a Cookie header.
    """

    def __init__(self, port: int, cookie: str | None = None) -> None:
        self.port = port
        self._own = {} if cookie is None else {"Cookie": cookie}

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> Reply:
        """One request on a connection of its own; in the names of headers `_` is a dash."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            named = {key.replace("_", "-"): value for key, value in headers.items()}
            connection.request(method, path, body, {**self._own, **named})
            answer = connection.getresponse()
            pairs = {key.lower(): value for key, value in answer.getheaders()}
            return Reply(answer.status, pairs, answer.read())
        finally:
            connection.close()

    def post(self, path: str, body: bytes = b"", **headers: str) -> Reply:
        """As a page of the same site does."""
        return self.ask(path, "POST", body, **{"Sec_Fetch_Site": "same-origin", **headers})


class RawRequest(OnSocket):
    """A socket with whatever bytes a test sends on it; used as a context manager."""

    def __init__(self, port: int, *lines: str, body: bytes = b"") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.received = b""
        if lines:
            self.send(*lines, body=body)

    def send(self, *lines: str, body: bytes = b"") -> None:
        """A request line and header lines, and a body."""
        head = "\r\n".join([lines[0], "Host: 127.0.0.1", *lines[1:], "", ""])
        self._socket.sendall(head.encode("latin-1") + body)

    def read_until(self, found: bytes) -> bytes:
        """All that has come once that is in it, or the connection has ended."""
        while found not in self.received and self._more():
            pass
        return self.received

    def status(self) -> int:
        """Of the first response."""
        return int(self.read_until(b"\r\n").split()[1])

    def read_all(self) -> int:
        """How many bytes have come when the server has ended the connection."""
        size = len(self.received)
        try:
            while received := self._socket.recv(2**20):
                size += len(received)
        except ConnectionError:
            pass
        return size

    def _more(self) -> bool:
        try:
            received = self._socket.recv(65536)
        except ConnectionError:
            received = b""
        self.received += received
        return bool(received)
