"""What a store does without blocking, behind the breaker of the thread that does the rest."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Generic, TypeVar

from attrs import define

from cookietrack_plugin.access.breaker import SILENT_S, Breaker
from cookietrack_plugin.errors import StoreUnavailable

T = TypeVar("T")


@define
class GuardedStarter(Generic[T]):
    """
    A `Starter` for a `NonBlockingBatcher`. While the store is away it begins nothing: the breaker's
    trials are the thread's. An engine that was silent opens the breaker, so that the thread refuses
    at once, and nobody waits for the same silence twice.

    :param unpack: makes a result for each item of what the store gives for a batch.
    :param observe: called with the seconds that a batch took, and its size.
    """

    breaker: Breaker
    suits: Callable[[T], bool]
    _begin: Callable[[Sequence[T]], bool]
    fileno: Callable[[], int]
    _finish: Callable[[], Any]
    _unpack: Callable[[Sequence[T], Any], Sequence[Any]]
    _observe: Callable[[float, int], None]
    _batch: Sequence[T] = ()
    _start: float = 0.0

    def begin(self, batch: Sequence[T]) -> bool:
        self._batch, self._start = batch, perf_counter()
        return not self.breaker.is_open() and bool(self._begin(batch))

    def finish(self) -> Sequence[Any] | None:
        try:
            answer = self._finish()
        except StoreUnavailable as error:
            self._was_silent(error)
            raise
        if answer is None:
            return None
        self.breaker.close()
        self._observe(perf_counter() - self._start, len(self._batch))
        return self._unpack(self._batch, answer)

    def _was_silent(self, error: StoreUnavailable) -> None:
        """Any other failure counts when the thread's attempt fails as well."""
        waited = perf_counter() - self._start
        if waited >= SILENT_S:
            self.breaker.failed(error, waited)
