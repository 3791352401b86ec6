"""Long work of a thread that leaves the interpreter to others now and then."""

from collections.abc import Callable
from time import perf_counter, sleep

# Seconds of work after which there is a pause.
WORK_S = 0.001


class Throttle:
    """
    :param pause: seconds, for other threads, after each millisecond of work: long enough for one
        that waits for the interpreter to get it, as `sleep(0)` is not. 0: there are no others.
    """

    def __init__(
        self,
        pause: float,
        clock: Callable[[], float] = perf_counter,
        sleep: Callable[[float], None] = sleep,
    ) -> None:
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._since = clock()

    def pause_if_due(self) -> None:
        """Between two pieces of work."""
        if self._pause and self._clock() - self._since > WORK_S:
            self._sleep(self._pause)
            self._since = self._clock()
