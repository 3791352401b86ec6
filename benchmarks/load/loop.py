"""One thread, one epoll, and a heap of moments at which something is due."""

import heapq
import itertools
import select
import time
from collections.abc import Callable

Action = Callable[[], None]

now = time.perf_counter


class Loop:
    """Calls back when a socket can be read, or when a moment has come."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._readable: dict[int, Action] = {}
        self._due: list[tuple[float, int, Action]] = []
        self._order = itertools.count()

    def watch(self, descriptor: int, readable: Action) -> None:
        self._readable[descriptor] = readable
        self._epoll.register(descriptor, select.EPOLLIN)

    def forget(self, descriptor: int) -> None:
        """To be called before the descriptor is closed: closing takes it out of the epoll."""
        del self._readable[descriptor]

    def ignore(self, descriptor: int) -> None:
        """Whatever comes is left where it is."""
        self.forget(descriptor)
        self._epoll.unregister(descriptor)

    def at(self, when: float, action: Action) -> None:
        heapq.heappush(self._due, (when, next(self._order), action))

    def run(self, until: Callable[[], bool]) -> None:
        """Work until `until()`; asked after each round of events, and at least every 50 ms."""
        while not until():
            for descriptor, _ in self._epoll.poll(self._patience()):
                readable = self._readable.get(descriptor)
                if readable:
                    readable()
            while self._due and self._due[0][0] <= now():
                heapq.heappop(self._due)[2]()

    def _patience(self) -> float:
        return min(0.05, max(0.0, self._due[0][0] - now())) if self._due else 0.05

    def close(self) -> None:
        self._epoll.close()
