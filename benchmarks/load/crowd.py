"""Many clients at once: as fast as the server lets them, or at a given pace."""

import itertools
from collections.abc import Iterable, Iterator

from benchmarks.load.loop import Loop, now
from benchmarks.load.visit import Script, Visit


class Crowd:
    """
    Visitors that come, are served, and drop the connection. `spans` are the seconds each took that
    came after `begin`; `given` are the cookies that they got.
    """

    def __init__(self, loop: Loop, port: int, scripts: Iterable[Script], begin: float) -> None:
        self.spans: list[float] = []
        self.given: list[str] = []
        self.served = 0
        self.failed = 0
        self._loop = loop
        self._port = port
        self._scripts: Iterator[Script] = itertools.cycle(scripts)
        self._begin = begin
        self._restless = False
        self._inside: set[Visit] = set()

    def keep(self, clients: int) -> None:
        """Always have this many inside: for each that leaves, one comes."""
        self._restless = True
        for _ in range(clients):
            self._come()

    def pace(self, rate: float, start: float, end: float) -> None:
        """Let `rate` come every second from `start` to `end`, however slowly they are served."""
        if start < end:
            self._loop.at(start, lambda: self._on_time(rate, start, end))

    def disperse(self) -> None:
        self._restless = False
        for visit in self._inside:
            visit.close()
        self._inside.clear()

    def _on_time(self, rate: float, due: float, end: float) -> None:
        self._come()
        self.pace(rate, due + 1 / rate, end)

    def _come(self) -> None:
        self._inside.add(Visit(self._loop, self._port, next(self._scripts), self._leave))

    def _leave(self, visit: Visit, succeeded: bool) -> None:
        visit.close()
        self._inside.discard(visit)
        self.served += succeeded
        self.failed += not succeeded
        if visit.cookie:
            self.given.append(visit.cookie)
        if succeeded and visit.started >= self._begin:
            self.spans.append(now() - visit.started)
        if self._restless:
            self._come()
