"""Signs of life, written lazily: many of them make one write, and nobody waits for it."""

from typing import Any

from twisted.internet.interfaces import IReactorTime
from txaio.tx import make_logger

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.record import Touch

# Seconds between two writes of what has come together; how many of them go in one turn.
INTERVAL = 5.0
AT_ONCE = 256


class Touches:
    """The latest `Touch` of each cookie, until it is queued for the store."""

    log = make_logger()

    def __init__(self, committer: Committer, reactor: IReactorTime) -> None:
        self._committer = committer
        self._reactor = reactor
        self._touches: dict[str, Touch] = {}
        self._timer: Any = None

    def add(self, touch: Touch) -> None:
        """Note it, in the place of an earlier one."""
        self._touches[touch.id] = touch
        if self._timer is None:
            self._timer = self._reactor.callLater(INTERVAL, self._flush)

    def write(self, id: str) -> None:
        """Queue one at once, if there is one: the record would expire before its turn."""
        if touch := self._touches.pop(id, None):
            self._committer.submit(touch).addErrback(self._lost)

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
        # In steps, as a volatile store commits on the reactor's thread.
        for id in list(self._touches)[:AT_ONCE]:
            self.write(id)
        self._timer = None
        if self._touches:
            self._timer = self._reactor.callLater(0, self._flush)

    def _lost(self, failure: Any) -> None:
        self.log.debug("a sign of life was not stored: {cause}", cause=failure.value)
