"""When open connections expire: a timer for the next one, and no walk over all."""

from collections.abc import Callable, Hashable
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from cookietrack_plugin.tracking.clock import Clock

# How many may be due in one turn of the reactor.
MAX_PER_TURN = 256
# Moments are rounded up to a tick, and those that are farther off are called for earlier. So there
# are never more than a few thousand ticks, however many connections come and go.
TICK_MS = 100
LOOK_AHEAD_MS = 600_000

T = TypeVar("T", bound=Hashable)


class Expiry(Generic[T]):
    """Calls `due` with an item at the moment that was set for it, or before: then set it again."""

    def __init__(self, clock: Clock, reactor: Any) -> None:
        self._due: Callable[[T], None] = lambda _: None
        self._clock = clock
        self._reactor = reactor
        self._ticks: dict[T, int] = {}
        self._items: dict[int, set[T]] = {}
        # The ticks in `_items`; each stays until it has come, though its items may be gone.
        self._queue: list[int] = []
        self._timer: Any = None
        self._stopped = False

    def start(self, due: Callable[[T], None]) -> None:
        """What to call."""
        self._due = due

    def set(self, item: T, moment: int) -> None:
        """Call for `item` at `moment`, milliseconds, and no longer at an earlier set one."""
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
        """Do not call for `item`. Quiet where nothing is set."""
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
        """Milliseconds on the monotonic clock: the other one can jump ahead between two ticks."""
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
