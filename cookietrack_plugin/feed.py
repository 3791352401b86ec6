"""What other workers and nodes have ended, noticed within a second."""

from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.backoff import Backoff
from cookietrack_plugin.interfaces import IRevocationFeed
from cookietrack_plugin.lane import Lane
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.tracker import Tracker

# Seconds between two questions, and at most between two that are not answered.
INTERVAL = 0.4
LONGEST = 5.0


class Feed:
    """
    Asks the store, on a thread of its own, what was revoked since it last asked, and closes the
    connections of those cookies here. When it could not ask for a while, or its cursor is too old,
    it looks up every cookie with a live connection: what it knew may be stale.

    While nobody answers it asks more and more rarely, and nodes not all at the same moment.
    """

    log = make_logger()

    def __init__(self, tracker: Tracker, store: IRevocationFeed) -> None:
        self._tracker = tracker
        self._store = store
        self._cursor: Any = None
        self._backoff = Backoff(INTERVAL, LONGEST)
        # Whether what is known of live cookies may not be true, and whether the log says so.
        self._stale = self._told_of = False
        self._stopped = False
        self._timer: Any = None
        self._lane: Lane[Any] = Lane("cookietrack-feed", self._ask, tracker.reactor)
        self._poll()

    def stop(self) -> Deferred[None]:
        """Ask no more. Fires when the thread has ended. Idempotent."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return self._lane.close()

    def _poll(self) -> None:
        self._lane.put(self._cursor).addCallbacks(self._told, self._not_told)

    def _ask(self, cursors: Iterable[Any]) -> list[Any]:
        asked = [self._store.revoked_since(cursor) for cursor in cursors]
        return [(list(ids), cursor) for ids, cursor in asked]

    def _told(self, answer: tuple[list[str], Any]) -> None:
        ids, self._cursor = answer
        all_of_them, self._stale = self._stale, False
        if all_of_them:
            ids = list(self._tracker.connections)
        for id in ids:
            # What a look-up under way has read may be older than this.
            self._tracker.lookup.overtake(id)
        checked = self._check(id for id in ids if self._tracker.connections.live(id))
        checked.addCallbacks(
            self._checked, lambda _: self._begin_anew(), callbackArgs=(all_of_them,)
        )
        self._backoff.reset()
        self._again(INTERVAL)

    def _not_told(self, failure: Failure) -> None:
        if not self._told_of:
            self.log.warn(
                "revocations of other workers are not known: {cause}", cause=failure.value
            )
        self._told_of = True
        self._begin_anew()
        self._again(self._backoff.pause())

    def _begin_anew(self) -> None:
        """Ask from now on, as everything that is live is looked up then."""
        self._stale = True
        self._cursor = None

    def _check(self, ids: Iterable[str]) -> Deferred[Any]:
        checks = [self._tracker.lookup.soon(id).addCallback(self._looked_up, id) for id in ids]
        return gatherResults(checks, consumeErrors=True)

    def _checked(self, _: Any, all_of_them: bool) -> None:
        if all_of_them and self._told_of and not self._stale:
            self.log.info("revocations elsewhere are known again")
            self._told_of = False

    def _looked_up(self, cookie: Cookie | None, id: str) -> None:
        if cookie is None:
            self._tracker.ended_elsewhere(id)
        else:
            self._tracker.refresh(cookie)

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._tracker.reactor.callLater(seconds, self._poll)
