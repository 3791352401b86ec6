"""When cookies with live connections expire: a timer for the next one, and no walk over all."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

from twisted.internet.interfaces import IReactorTime

from cookietrack_plugin.tracking.clock import Clock

# How many may be due in one turn of the reactor.
AT_ONCE = 256
# Milliseconds: moments are rounded up to a tick, and those that are farther off are called for
# earlier. So there are never more than a few thousand ticks, whoever comes and goes.
TICK = 100
LOOK_AHEAD = 600_000


class Expiry:
    """
    Calls `due(id)` when the moment has come that was set for a cookie, or before: then it is to be
    set again.
    """

    def __init__(self, due: Callable[[str], None], clock: Clock, reactor: IReactorTime) -> None:
        self._due = due
        self._clock = clock
        self._reactor = reactor
        self._ticks: dict[str, int] = {}
        self._ids: dict[int, set[str]] = {}
        # The ticks in `_ids`; each stays until it has come, though its ids may be gone.
        self._queue: list[int] = []
        self._timer: Any = None

    def set(self, id: str, moment: int) -> None:
        """Call for `id` at `moment`, milliseconds, and no longer at an earlier set one."""
        self.forget(id)
        tick = -(-min(moment, self._clock.now() + LOOK_AHEAD) // TICK)
        self._ticks[id] = tick
        if tick in self._ids:
            self._ids[tick].add(id)
            return
        self._ids[tick] = {id}
        heappush(self._queue, tick)
        if self._queue[0] == tick:
            self._schedule()

    def forget(self, id: str) -> None:
        """Do not call for `id`. Quiet where nothing is set."""
        tick = self._ticks.pop(id, None)
        if tick is not None:
            self._ids[tick].discard(id)

    def stop(self) -> None:
        """Call no more. Idempotent."""
        self._ticks.clear()
        self._ids.clear()
        self._queue.clear()
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._queue:
            wait = max(0, self._queue[0] * TICK - self._clock.now())
            self._timer = self._reactor.callLater(wait / 1000, self._run)

    def _run(self) -> None:
        now = self._clock.now()
        for _ in range(AT_ONCE):
            id = self._next(now)
            if id is None:
                break
            self._due(id)
        self._schedule()

    def _next(self, now: int) -> str | None:
        while self._queue and self._queue[0] * TICK <= now:
            ids = self._ids[self._queue[0]]
            if ids:
                id = ids.pop()
                del self._ticks[id]
                return id
            del self._ids[heappop(self._queue)]
        return None
