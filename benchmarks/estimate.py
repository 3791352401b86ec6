"""How long a run still goes on."""

import time
from collections.abc import Callable, Sequence


class Estimate:
    """
    From what each benchmark took on another machine, and from how much longer or shorter than that
    those took here that are over.

    :param expected: seconds for each, in the order in which they run.
    """

    def __init__(
        self, expected: Sequence[float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._waiting = list(expected)
        self._over = 0.0
        self._clock = clock
        self._began = self._last = clock()

    def advance(self) -> None:
        """One more is over."""
        self._over += self._waiting.pop(0)
        self._last = self._clock()

    def share(self) -> float:
        """How much of it all is over, from 0 to 1."""
        elapsed = self._clock() - self._began
        return elapsed / (elapsed + self.left()) if elapsed else 0.0

    def left(self) -> float:
        """Seconds."""
        pace = (self._last - self._began) / self._over if self._over else 1.0
        current = sum(self._waiting[:1]) * pace - (self._clock() - self._last)
        return max(0.0, current) + sum(self._waiting[1:]) * pace
