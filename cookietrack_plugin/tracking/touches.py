"""Coalesces last-seen updates into periodic writes. No client waits for them."""

from itertools import islice
from typing import Any

from txaio.tx import make_logger

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Touch

INTERVAL_S = 5.0
# Touches that one turn of the reactor queues: a volatile store commits them on its thread.
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
        """Note a touch, in place of an earlier one of the same cookie."""
        self._touches[touch.id] = touch
        if self._timer is None:
            self._timer = self._reactor.callLater(INTERVAL_S, self._flush)

    def write(self, id: str) -> None:
        """Queue a cookie's touch now, if there is one: its record would expire before the next."""
        if touch := self._touches.pop(id, None):
            self._store.submit(touch).addErrback(self._lost)

    def drop(self, id: str) -> None:
        """Write nothing of a cookie that was ended."""
        self._touches.pop(id, None)

    def flush(self) -> None:
        """Queue all touches: the store is about to be closed."""
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
