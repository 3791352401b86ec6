"""Dispatches results on the reactor's thread, in time slices whose length suits the work."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

# The most time that a turn of the reactor spends on results of fast work. Long turns make large
# batches, which cost less for each change.
FAST_SLICE_S = 0.004
# The same for work that takes longer than SLOW_WORK_S: half the time of the rest of the turn,
# within these bounds. Clients get their answers when a turn is over. After short turns they come
# back one by one; after a long one all of them would wait for one flush, and the reactor be idle.
MIN_SLICE_S, MAX_SLICE_S = 0.0005, 0.002
SLOW_WORK_S = 0.003


class TimeSlicedDispatcher:
    """Fires Deferreds, a few in each turn of the reactor. On its thread, except `took`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # Each waiter, and its result.
        self._answered: deque[tuple[Deferred[Any], Any]] = deque()
        # When results were last dispatched, and how many seconds work takes.
        self._paused = self._took = 0.0
        # Whether a turn is to dispatch some, or dispatches them just now.
        self._due = False

    def took(self, seconds: float) -> None:
        """
        Note how long a batch took. A slow one counts for the next few too: after a batch that a
        server did not answer, many fail at once. By one thread at a time.
        """
        self._took = max(seconds, self._took / 2)

    def give(self, waiters: Sequence[Any], results: Sequence[Any]) -> None:
        """
        Fire each of `waiters` with its result, or its `Failure`; in order, not all at once, and
        none before this returns.
        """
        self._answered.extend(zip(waiters, results, strict=True))
        if not self._due:
            self._pause()

    def _give_some(self) -> None:
        end = self._end_of_share(self._reactor.seconds())
        while self._answered and self._reactor.seconds() < end:
            done, result = self._answered.popleft()
            # Fires errback for a Failure.
            done.callback(result)
        self._due = False
        if self._answered:
            self._pause()

    def _pause(self) -> None:
        self._due = True
        self._paused = self._reactor.seconds()
        self._reactor.callLater(0, self._give_some)

    def _end_of_share(self, now: float) -> float:
        if self._took <= SLOW_WORK_S:
            return now + FAST_SLICE_S
        return now + min(max(MIN_SLICE_S, (now - self._paused) / 2), MAX_SLICE_S)
