"""Results, given out on the reactor's thread in turns of a length that suits the work."""

from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

# Seconds of a turn of the reactor in which results are given out: after long turns batches are
# large, and cost less.
QUICK = 0.004
# The same, at least and at most, where work takes longer than SLOW. Clients are answered when the
# turn is over: after short turns they come again one after the other, and not all at once, to wait
# for one flush while the reactor is idle. Half as much time is ours as is others'.
LEAST, MOST = 0.0005, 0.002
SLOW = 0.003


class TimeSlicedDispatcher:
    """On the reactor's thread alone, but for `took`."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # Who has a result and has not been told.
        self._answered: deque[tuple[Deferred[Any], Any]] = deque()
        # When results were last given out, and how many seconds work takes.
        self._paused = self._took = 0.0

    def took(self, seconds: float) -> None:
        """
        Note how long some work has taken. What was slow counts for some more: behind work that a
        server did not answer much fails at once. By one thread at a time.
        """
        self._took = max(seconds, self._took / 2)

    def give(self, waiters: Sequence[Any], results: Sequence[Any]) -> None:
        """
        Fire each of `waiters` with its result, or its `Failure`; in order, not all at once, and
        none before this returns.
        """
        if not self._answered:
            self._pause()
        self._answered.extend(zip(waiters, results, strict=True))

    def _give_some(self) -> None:
        end = self._end_of_share(self._reactor.seconds())
        while self._answered and self._reactor.seconds() < end:
            done, result = self._answered.popleft()
            # Fires errback for a Failure.
            done.callback(result)
        if self._answered:
            self._pause()

    def _pause(self) -> None:
        self._paused = self._reactor.seconds()
        self._reactor.callLater(0, self._give_some)

    def _end_of_share(self, now: float) -> float:
        if self._took <= SLOW:
            return now + QUICK
        return now + min(max(LEAST, (now - self._paused) / 2), MOST)
