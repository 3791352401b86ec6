"""Pauses between two attempts at something that is away."""

from collections.abc import Callable
from random import uniform

# Seconds between two attempts, first and last: at what is away, and at what says that something is
# wrong, such as a password.
AWAY_S = (0.2, 5.0)
WRONG_S = (1.0, 60.0)


class Backoff:
    """
    Each pause is twice as long as the one before, up to `last` seconds, and shortened by up to a
    half at random: those who wait for the same server do not all come back at the same moment.
    """

    def __init__(
        self, first: float, last: float, among: Callable[[float, float], float] = uniform
    ) -> None:
        self._first = first
        self._last = last
        self._among = among
        self._next = first

    def pause(self) -> float:
        """Seconds until the next attempt; longer each time."""
        pause, self._next = self._next, min(2 * self._next, self._last)
        return self._among(pause / 2, pause)

    def reset(self) -> None:
        """It is back."""
        self._next = self._first
