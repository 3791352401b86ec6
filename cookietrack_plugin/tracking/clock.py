"""Wall-clock time in milliseconds that never goes back."""

import time
from collections.abc import Callable


class Clock:
    """
    Unix time in milliseconds, monotone within the process.

    When the system's clock jumps back, this one stands still until it is caught up: a session can
    become shorter by that, never longer.

    :param seconds: where the time comes from, in seconds; tests give another one.
    """

    def __init__(self, seconds: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._latest = 0

    def now(self) -> int:
        """Milliseconds since 1970."""
        self._latest = max(self._latest, int(self._seconds() * 1000))
        return self._latest
