"""Pauses in a thread's long work, in which other threads get the interpreter."""

from collections.abc import Callable
from time import perf_counter, sleep

# Seconds of work after which there is a pause.
WORK_S = 0.001


class Throttle:
    """
    Pauses after each millisecond of work.

    :param pause: seconds; long enough for a thread that waits for the interpreter to get it, as
        `sleep(0)` is not. 0 where there are no other threads.
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
        """Pause if that much work was done. Called between two pieces of it."""
        if self._pause and self._clock() - self._since > WORK_S:
            self._sleep(self._pause)
            self._since = self._clock()
