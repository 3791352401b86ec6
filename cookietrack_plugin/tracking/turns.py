"""Calls that wait for one another: one at a time for each key."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred

K = TypeVar("K", bound=Hashable)

_Call = Callable[[], Deferred[Any]]


class Turns(Generic[K]):
    """Makes the calls of a key one after the other, in order. On the reactor's thread."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        # The calls that wait, for each key with a call that has not ended yet.
        self._waiting: dict[K, deque[tuple[_Call, Deferred[Any]]]] = {}

    def take(self, key: K, call: _Call) -> Deferred[Any]:
        """Make a call once all earlier calls of `key` have ended. Fires with its result."""
        done: Deferred[Any] = Deferred()
        if key in self._waiting:
            self._waiting[key].append((call, done))
        else:
            self._waiting[key] = deque()
            self._begin(key, call, done)
        return done

    def _begin(self, key: K, call: _Call, done: Deferred[Any]) -> None:
        maybeDeferred(call).addBoth(self._ended, key, done)

    def _ended(self, result: Any, key: K, done: Deferred[Any]) -> None:
        if self._waiting[key]:
            # In another turn of the reactor: a long queue would exhaust the stack.
            self._reactor.callLater(0, self._begin, key, *self._waiting[key].popleft())
        else:
            del self._waiting[key]
        done.callback(result)
