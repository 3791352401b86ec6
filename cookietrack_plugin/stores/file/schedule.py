"""When the `file` store may compact its file again."""

from time import monotonic

from cookietrack_plugin.stores.kit.backoff import Backoff

# The pause after the first failure, and the longest one.
_FIRST_S, _LAST_S = 1.0, 300.0


class CompactionSchedule:
    """`done`: how many compactions have succeeded. After one that failed there is a pause."""

    def __init__(self) -> None:
        self.done = 0
        self._backoff = Backoff(_FIRST_S, _LAST_S)
        self._not_before = 0.0

    def is_due(self) -> bool:
        """Whether there is no pause now."""
        return monotonic() >= self._not_before

    def succeeded(self) -> None:
        self.done += 1
        self._backoff.reset()

    def failed(self) -> float:
        """The seconds until the next try."""
        pause = self._backoff.pause()
        self._not_before = monotonic() + pause
        return pause
