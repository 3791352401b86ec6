"""Exponential backoff, with jitter, for what does not answer."""

from collections.abc import Callable
from random import uniform

# The first and the longest pause, in seconds: for a server that does not answer, and for one that
# refuses, such as a wrong password.
AWAY_S = (0.2, 5.0)
WRONG_S = (1.0, 60.0)


class Backoff:
    """
    Each pause is twice as long as the one before, up to `last` seconds, and shortened by up to a
    half at random, so that the clients of one server do not all retry at the same moment.

    :param first, last: the first and the longest pause, in seconds.
    """

    def __init__(
        self, first: float, last: float, among: Callable[[float, float], float] = uniform
    ) -> None:
        self._first = first
        self._last = last
        self._among = among
        self._next = first

    def pause(self) -> float:
        """Seconds until the next retry; longer each time."""
        pause, self._next = self._next, min(2 * self._next, self._last)
        return self._among(pause / 2, pause)

    def reset(self) -> None:
        """Begin with the first pause again, as it has answered."""
        self._next = self._first
