"""Until a store says that there is something to ask it for."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cookietrack_plugin.interfaces import IRevocationSignal
from cookietrack_plugin.stores.kit.backoff import Backoff

# Seconds for which it waits: short enough to notice within a second what the store did not say.
LONGEST = 0.8
# Seconds until a store that does not say so is tried again, at first and at most.
AGAIN = 0.4
RARELY = 60.0


class Waiting:
    """
    Waits for a store that is an `IRevocationSignal`. One that is none, or cannot say anything for
    now, is not waited for; the latter is tried again later and later.

    :param seconds: the time.
    """

    def __init__(self, store: Any, seconds: Callable[[], float]) -> None:
        self._signal = store if IRevocationSignal.providedBy(store) else None
        self._seconds = seconds
        self._backoff = Backoff(AGAIN, RARELY)
        self._again = float("-inf")
        # Why a store that could say something does not.
        self.cause: Exception | None = None

    def wait(self) -> bool:
        """Whether the store could say when to ask. On the feed's thread."""
        if self._signal is None or self._seconds() < self._again:
            return False
        try:
            self._signal.await_revocation(LONGEST)
        except Exception as error:  # noqa: BLE001 - whatever it is, asking does without it
            self._again = self._seconds() + self._backoff.pause()
            self.cause = error
            return False
        self._backoff.reset()
        self.cause = None
        return True

    def stop(self) -> None:
        """Wait no more. On the reactor's thread, which closes the store whatever this raises."""
        if self._signal is not None:
            with suppress(Exception):
                self._signal.interrupt()
