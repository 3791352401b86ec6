"""Dispatches results on the reactor's thread, in slices of a length that suits the work."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

# What a turn of the reactor may spend on results of fast work: after long turns batches are large,
# and cost less.
FAST_SLICE_S = 0.004
# The same where work takes longer than SLOW_WORK_S. Clients are answered when the turn is over:
# after short turns they come back one after the other, and not all at once to wait for one flush
# while the reactor is idle. A slice is half the time that the rest of the turn took.
MIN_SLICE_S, MAX_SLICE_S = 0.0005, 0.002
SLOW_WORK_S = 0.003


class TimeSlicedDispatcher:
    """On the reactor's thread alone, but for `took`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # Who waits, and the result that they get.
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
