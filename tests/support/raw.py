"""Opening handshakes byte by byte: what no well-behaved client would send."""

import socket
from base64 import b64encode
from os import urandom

from tests.support.onsocket import OnSocket

END = b"\r\n\r\n"


class RawHandshake(OnSocket):
    """A socket with a WebSocket upgrade request on it; used as a context manager."""

    def __init__(
        self,
        port: int,
        *headers: str,
        path: str = "/",
        patience: float = 30.0,
        source: str = "127.0.0.1",
    ) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", port), timeout=patience, source_address=(source, 0)
        )
        key = b64encode(urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Protocol: wamp.2.json",
            *headers,
        ]
        self.request = "\r\n".join(lines).encode("latin-1") + END
        self.response = b""

    def send(self, data: bytes | None = None) -> "RawHandshake":
        """Send the request, or these bytes of it."""
        self._socket.sendall(self.request if data is None else data)
        return self

    def answer(self) -> "RawHandshake":
        """Wait for the whole response head, or for the end of the connection."""
        while END not in self.response and (received := self._socket.recv(65536)):
            self.response += received
        return self

    def is_closed(self) -> bool:
        """Whether the server ends the connection, now or soon."""
        try:
            return self._socket.recv(1) == b""
        except ConnectionError:
            return True

    @property
    def status(self) -> int:
        return int(self.response.split(b" ", 2)[1])

    def header(self, name: str) -> str | None:
        """A header of the response."""
        for line in self.response.partition(END)[0].decode("latin-1").splitlines()[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name.lower():
                return value.strip()
        return None

    @property
    def cookie(self) -> str | None:
        """The value of the cookie that the response sets."""
        header = self.header("Set-Cookie")
        return header.partition(";")[0].partition("=")[2] if header else None


def handshake(port: int, *headers: str, path: str = "/", source: str = "127.0.0.1") -> RawHandshake:
    """A complete handshake from the address `source`, its connection closed again."""
    with RawHandshake(port, *headers, path=path, source=source) as raw:
        return raw.send().answer()
