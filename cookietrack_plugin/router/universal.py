"""Crossbar's `universal` transport: it waits for a whole request line, and does not log it."""

from typing import Any

from crossbar.router.unisocket import UniSocketServerFactory, UniSocketServerProtocol

from cookietrack_plugin.router.head import HEAD_BYTES
from cookietrack_plugin.router.redacted import TOO_LARGE

# First bytes of protocols that have no request line: RawSocket, MQTT.
_OTHERS = (b"\x7f", b"\x10")
_END_OF_LINE = b"\r\n"


class UniversalProtocol(UniSocketServerProtocol):
    """
    Waits for a whole request line. Crossbar's own decides by the first segment: if that has no
    whole line, it closes the connection and logs what it takes for the line, perhaps with headers.
    """

    def __init__(self, factory: Any, addr: Any) -> None:
        super().__init__(factory, addr)
        self._start = bytearray()
        self._decided = self._refused = False

    def dataReceived(self, data: bytes) -> None:
        if self._decided:
            super().dataReceived(data)
        elif not self._refused:
            self._await_line(data)

    def _await_line(self, data: bytes) -> None:
        searched = max(0, len(self._start) - 1)
        self._start += data
        end = self._start.find(_END_OF_LINE, searched, HEAD_BYTES)
        if self._start.startswith(_OTHERS) or end >= 0:
            self._decide(end)
        elif len(self._start) >= HEAD_BYTES:
            code, reason = TOO_LARGE
            self.transport.write(f"HTTP/1.1 {code} {reason}\r\n\r\n".encode())
            self._refuse(reason)

    def _decide(self, end: int) -> None:
        start = bytes(self._start)
        if start.startswith(_OTHERS) or len(start[:end].split()) == 3:
            self._decided = True
            self._start.clear()
            super().dataReceived(start)
        else:
            self._refuse("expected an HTTP request line of three words, found something else")

    def _refuse(self, reason: str) -> None:
        self._refused = True
        self._start.clear()
        self.log.warn("closing a connection to a universal transport: {reason}", reason=reason)
        self.transport.loseConnection()


class UniversalFactory(UniSocketServerFactory):
    """Crossbar's own, with these connections."""

    def buildProtocol(self, addr: Any) -> UniversalProtocol:
        return UniversalProtocol(self, addr)
