"""A question that is answered once: in time, or by a timer."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# How long a request waits for the store. The breaker of a store that hangs refuses later requests,
# but not those that wait already.
PATIENCE_S = 5.0


class Once(Generic[T]):
    """
    Passes on the first answer, and no other.

    :param call: is given the answer.
    """

    def __init__(self, call: Callable[[T], None]) -> None:
        self._call = call
        self._timer: Any = None
        self.is_open = True

    def give_time(self, reactor: Any, late: T) -> None:
        """Answer with `late` unless there is an answer in time."""
        if self.is_open:
            self._timer = reactor.callLater(PATIENCE_S, self.answer, late)

    def answer(self, answer: T) -> None:
        """Pass it on, if it is the first."""
        if not self.is_open:
            return
        self.is_open = False
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._call(answer)
