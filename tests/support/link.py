"""The network between a node and its server: slow, silent, cut, and whole again."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from threading import Event

from benchmarks.cut import Cut

CHUNK_BYTES = 65536


class Link(Cut):
    """
    Passes everything on at first. `delay_s` is added each way; `hold` keeps everything back, with
    all connections open, until `release`.
    """

    def __init__(self, target: int) -> None:
        self.delay_s = 0.0
        self._flowing = Event()
        self._flowing.set()
        super().__init__(target)

    def hold(self) -> None:
        self._flowing.clear()

    def release(self) -> None:
        self._flowing.set()

    def mend(self) -> None:
        """The server is there again, at once."""
        self.release()
        super().mend()

    def pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                time.sleep(self.delay_s)
                self._flowing.wait()
                sink.sendall(data)
        self.end(source, sink)


class CountingLink(Link):
    """
    `requests` counts how often something goes to the server behind what came from it: the round
    trips of one connection at a time.
    """

    def __init__(self, target: int) -> None:
        self.requests = 0
        self._server = target
        self._asked = False
        super().__init__(target)

    def count(self, work: Callable[[], object]) -> int:
        """The round trips of `work`."""
        before = self.requests
        work()
        return self.requests - before

    def pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        asks = sink.getpeername()[1] == self._server
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                self.requests += asks and not self._asked
                self._asked = asks
                sink.sendall(data)
        self.end(source, sink)
