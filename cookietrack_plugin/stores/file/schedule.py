"""When the `file` store may compact its file again."""

from time import monotonic

from cookietrack_plugin.stores.kit.backoff import Backoff

# The first and the longest pause after failures, in seconds: where nothing can be stored until it
# succeeds, and where the file is only larger than necessary.
_URGENT_S = 0.1, 2.0
_PATIENT_S = 1.0, 300.0


class CompactionSchedule:
    """`done`: how many compactions have succeeded. After one that failed there is a pause."""

    def __init__(self) -> None:
        self.done = 0
        self._urgent, self._patient = Backoff(*_URGENT_S), Backoff(*_PATIENT_S)
        self._not_before = 0.0

    def is_due(self) -> bool:
        """Whether there is no pause now."""
        return monotonic() >= self._not_before

    def succeeded(self) -> None:
        self.done += 1
        self._urgent.reset()
        self._patient.reset()

    def failed(self, urgent: bool) -> float:
        """The seconds until the next try. `urgent`: there are commits that wait for it."""
        pause = (self._urgent if urgent else self._patient).pause()
        self._not_before = monotonic() + pause
        return pause
