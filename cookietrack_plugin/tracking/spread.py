"""Spreads calls over turns of the reactor: a hundred at once would block it for other clients."""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

# What a turn of the reactor may spend on them.
SLICE_S = 0.002


class SpreadCalls:
    """One after the other, as many in a turn as a slice allows. On the reactor's thread."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._queue: deque[tuple[Callable[[], Any], Deferred[Any]]] = deque()
        # Whether a turn is to make some, or makes them just now.
        self._due = False

    def add(self, call: Callable[[], Any]) -> Deferred[Any]:
        """Make a call after those that were added before. Fires with its result or its failure."""
        done: Deferred[Any] = Deferred()
        self._queue.append((call, done))
        if not self._due:
            self._due = True
            self._reactor.callLater(0, self._make_some)
        return done

    def _make_some(self) -> None:
        end = self._reactor.seconds() + SLICE_S
        while self._queue:
            call, done = self._queue.popleft()
            maybeDeferred(call).chainDeferred(done)
            if self._reactor.seconds() >= end:
                break
        self._due = bool(self._queue)
        if self._due:
            self._reactor.callLater(0, self._make_some)
