"""A store that is away is left alone for a while: nobody waits for an answer that does not come."""

from collections.abc import Callable
from typing import TypeVar

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import Backoff

# Seconds after which a failure is a silent server, which is to be believed at once; and how many
# quick ones in a row are.
SILENCE = 0.5
FAILURES = 5
# Seconds until one attempt is made again: grows from the first to the last.
FIRST_PAUSE = 0.2
LAST_PAUSE = 5.0

T = TypeVar("T")


class Breaker:
    """
    A circuit breaker (Nygard, "Release It!", 5.2) before one thread's calls of a store.

    When they fail for want of an answer, it opens: for a pause everybody is refused at once. Then
    one call is a trial, while all others are still refused; if it succeeds the breaker closes, and
    if it fails the next pause is longer. Whatever else a store raises, it has answered.

    :param seconds: the time, on any thread.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._backoff = Backoff(FIRST_PAUSE, LAST_PAUSE)
        self._failures = 0
        self._cause: StoreUnavailable | None = None
        self._until = 0.0
        self._asking = False

    def refusal(self) -> StoreUnavailable | None:
        """Why the store is not to be asked now, None if it may be. On any thread."""
        cause = self._cause
        if cause is None or not (self._asking or self._pauses()):
            return None
        return StoreUnavailable(str(cause))

    def is_open(self) -> bool:
        """Whether the store was away when it was last asked. On any thread."""
        return self._cause is not None

    def call(self, ask: Callable[[], T]) -> T:
        """
        What `ask` returns or raises. On the one thread that asks.

        :raises StoreUnavailable: also without asking, when it is open.
        """
        if self._cause and self._pauses():
            raise StoreUnavailable(str(self._cause))
        self._asking, began = True, self._seconds()
        try:
            answer = ask()
        except StoreUnavailable as error:
            self._failed(error, self._seconds() - began)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._asking = False
        self.close()
        return answer

    def close(self) -> None:
        """Whoever comes next may ask."""
        self._failures = 0
        self._cause = None
        self._backoff.reset()

    def _failed(self, error: StoreUnavailable, waited: float) -> None:
        self._failures += 1
        if self._cause or waited >= SILENCE or self._failures >= FAILURES:
            self._until = self._seconds() + self._backoff.pause()
            self._cause = error

    def _pauses(self) -> bool:
        # A clock that is set back must not make it longer.
        return self._until - LAST_PAUSE <= self._seconds() < self._until
