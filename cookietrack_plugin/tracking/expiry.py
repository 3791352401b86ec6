"""When open connections expire: one timer for the next of them, and no walk over all."""

from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from cookietrack_plugin.tracking.clock import Clock

# The most calls in one turn of the reactor.
MAX_PER_TURN = 256
# Moments are rounded up to a tick, and calls for those that are farther off than LOOK_AHEAD_MS come
# early. So there are a few thousand ticks at most, however many connections come and go.
TICK_MS = 100
LOOK_AHEAD_MS = 600_000

T = TypeVar("T", bound=Hashable)


class Expiry(Generic[T]):
    """
    Calls `due` with an item at the moment that was set for it, or earlier: `due` then sets it
    again. On the reactor's thread.
    """

    def __init__(self, clock: Clock, reactor: Any) -> None:
        self._due: Callable[[T], None] = lambda _: None
        self._clock = clock
        self._reactor = reactor
        self._ticks: dict[T, int] = {}
        self._items: dict[int, set[T]] = {}
        # A heap of the ticks in `_items`; each stays until it is reached, even without items.
        self._queue: list[int] = []
        self._timer: Any = None
        self._stopped = False

    def start(self, due: Callable[[T], None]) -> None:
        """Call `due` from now on."""
        self._due = due

    def set(self, item: T, moment: int) -> None:
        """Call for `item` at `moment`, in Unix milliseconds, instead of when it was set before."""
        self.forget(item)
        if self._stopped:
            return
        delay = min(max(0, moment - self._clock.now()), LOOK_AHEAD_MS)
        tick = -(-(self._now() + delay) // TICK_MS)
        self._ticks[item] = tick
        if tick in self._items:
            self._items[tick].add(item)
            return
        self._items[tick] = {item}
        heappush(self._queue, tick)
        if self._queue[0] == tick:
            self._schedule()

    def forget(self, item: T) -> None:
        """Do not call for `item`. Idempotent."""
        tick = self._ticks.pop(item, None)
        if tick is not None:
            self._items[tick].discard(item)

    def stop(self) -> None:
        """Cancel all calls. Idempotent."""
        self._stopped = True
        self._ticks.clear()
        self._items.clear()
        self._queue.clear()
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._queue:
            wait = max(0, self._queue[0] * TICK_MS - self._now())
            self._timer = self._reactor.callLater(wait / 1000, self._run)

    def _run(self) -> None:
        try:
            self._call_due(self._now())
        finally:
            # If one raises, the others are called all the same.
            self._schedule()

    def _now(self) -> int:
        """Milliseconds of the monotonic clock: the wall clock can jump between two ticks."""
        return round(self._reactor.seconds() * 1000)

    def _call_due(self, now: int) -> None:
        for _ in range(MAX_PER_TURN):
            item = self._next(now)
            if item is None:
                break
            self._due(item)

    def _next(self, now: int) -> T | None:
        while self._queue and self._queue[0] * TICK_MS <= now:
            items = self._items[self._queue[0]]
            if items:
                item = items.pop()
                del self._ticks[item]
                return item
            del self._items[heappop(self._queue)]
        return None
