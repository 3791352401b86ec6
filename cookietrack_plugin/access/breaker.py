"""A store that does not answer is left alone for a while, so that nobody waits for it."""

from collections.abc import Callable
from typing import TypeVar

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import AWAY_S, WRONG_S, Backoff

# A call that fails after this long has met a silent server, and opens the breaker at once. Quicker
# failures open it when there are MAX_FAILURES of them in a row.
SILENT_S = 0.5
MAX_FAILURES = 5

T = TypeVar("T")


class Breaker:
    """
    A circuit breaker (Nygard, "Release It!", 5.2) before one thread's calls of a store.

    It opens when calls fail with `StoreUnavailable`: for a pause all calls are refused at once.
    Then one call is a trial, while the others are still refused; if it succeeds the breaker closes,
    and if it fails the next pause is longer. A `ConfigError`, such as a password that was changed
    at the server, opens it at once, and pauses are longer. A store that raises any other error has
    answered.

    :param seconds: the time, on any thread.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._away, self._wrong = Backoff(*AWAY_S), Backoff(*WRONG_S)
        self._failures = 0
        self._cause: Exception | None = None
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
        Call `ask`, and return or raise what it does. On the one thread that asks.

        :raises StoreUnavailable: also without a call, while the breaker is open.
        """
        # Read once: `close` may come from another thread.
        cause = self._cause
        if cause is not None and self._pauses():
            raise StoreUnavailable(str(cause))
        self._asking, began = True, self._seconds()
        try:
            answer = ask()
        except (StoreUnavailable, ConfigError) as error:
            self.failed(error, self._seconds() - began)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._asking = False
        self.close()
        return answer

    def close(self) -> None:
        """Let the next call ask. On any thread."""
        self._failures = 0
        self._cause = None
        self._away.reset()
        self._wrong.reset()

    def failed(self, error: StoreUnavailable | ConfigError, waited: float) -> None:
        """Note that a call has failed after `waited` seconds. By one thread at a time."""
        self._failures += 1
        is_wrong = isinstance(error, ConfigError)
        if is_wrong or self._cause or waited >= SILENT_S or self._failures >= MAX_FAILURES:
            backoff = self._wrong if is_wrong else self._away
            self._until = self._seconds() + backoff.pause()
            self._cause = error

    def _pauses(self) -> bool:
        return self._seconds() < self._until
