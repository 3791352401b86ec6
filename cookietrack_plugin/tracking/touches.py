"""Coalesces last-seen updates into periodic writes, for which nobody waits."""

from itertools import islice
from typing import Any

from txaio.tx import make_logger

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Touch

INTERVAL_S = 5.0
# Touches that are queued in one turn of the reactor: a volatile store commits on its thread.
MAX_PER_TURN = 256


class Touches:
    """The latest `Touch` of each cookie, until it is queued for the store."""

    log = make_logger()

    def __init__(self, store: AsyncStore, reactor: Any) -> None:
        self._store = store
        self._reactor = reactor
        self._touches: dict[str, Touch] = {}
        self._timer: Any = None

    def add(self, touch: Touch) -> None:
        """Note it; the latest replaces an earlier one."""
        self._touches[touch.id] = touch
        if self._timer is None:
            self._timer = self._reactor.callLater(INTERVAL_S, self._flush)

    def write(self, id: str) -> None:
        """Queue one at once, if there is one: the record would expire before its turn."""
        if touch := self._touches.pop(id, None):
            self._store.submit(touch).addErrback(self._lost)

    def drop(self, id: str) -> None:
        """There is nothing left to touch."""
        self._touches.pop(id, None)

    def flush(self) -> None:
        """Queue all of them: the store is about to be closed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for id in list(self._touches):
            self.write(id)

    def _flush(self) -> None:
        for id in list(islice(self._touches, MAX_PER_TURN)):
            self.write(id)
        self._timer = None
        if self._touches:
            self._timer = self._reactor.callLater(0, self._flush)

    def _lost(self, failure: Any) -> None:
        self.log.debug("a last-seen update was not stored: {cause}", cause=failure.value)
