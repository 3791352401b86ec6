"""When cookies with live connections expire: a timer for the next one, and no walk over all."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from twisted.internet.interfaces import IReactorTime

from cookietrack_plugin.clock import Clock

# How many may be due in one turn of the reactor.
AT_ONCE = 256


class Expiry:
    """
    Calls `due(id)` when the moment has come that was set for a cookie. An earlier setting is not
    taken back: it calls too, and finds that there is nothing to do yet.
    """

    def __init__(self, due: Callable[[str], None], clock: Clock, reactor: IReactorTime) -> None:
        self._due = due
        self._clock = clock
        self._reactor = reactor
        self._queue: list[tuple[int, str]] = []
        self._timer: Any = None

    def set(self, id: str, moment: int) -> None:
        """Call for `id` at `moment`, milliseconds."""
        heappush(self._queue, (moment, id))
        if self._queue[0][0] == moment:
            self._schedule()

    def stop(self) -> None:
        """Call no more. Idempotent."""
        self._queue.clear()
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._queue:
            wait = max(0, self._queue[0][0] - self._clock.now())
            self._timer = self._reactor.callLater(wait / 1000, self._run)

    def _run(self) -> None:
        now = self._clock.now()
        for _ in range(AT_ONCE):
            if not self._queue or self._queue[0][0] > now:
                break
            self._due(heappop(self._queue)[1])
        self._schedule()
