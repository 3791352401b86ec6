"""What other workers and nodes have ended, noticed within a second."""

from collections.abc import Iterable
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, gatherResults
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.deferreds import first_error
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.interfaces import IRevocationFeed
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.backoff import Backoff
from cookietrack_plugin.tracking.tracker import Tracker
from cookietrack_plugin.tracking.waiting import Waiting

# Seconds between two questions, and at most between two that are not answered.
INTERVAL = 0.4
LONGEST = 5.0
# The same where the store says when to ask: what is revoked meanwhile is asked for in one go.
BREATH = 0.02
NEVER = float("-inf")


@frozen
class _Answer:
    """`asked`: when. `told`: whether the store said when to ask, else why it did not, if it can."""

    ids: list[str]
    cursor: Any
    asked: float
    told: bool
    cause: Exception | None


class Feed:
    """
    Asks the store, on a thread of its own, what was revoked since it last asked, and closes the
    connections of those cookies here. With the first answer, and when it could not ask for a while
    or its cursor is too old, it looks up every cookie with a live connection: what was ended before
    nobody has told, so what is known may be stale. The tracker is told of when it last knew all.

    It asks when the store says so (`IRevocationSignal`), and else every now and then. While nobody
    answers it asks more and more rarely, and nodes not all at the same moment.
    """

    log = make_logger()

    def __init__(self, tracker: Tracker, store: IRevocationFeed) -> None:
        self._tracker = tracker
        self._store = store
        self._waiting = Waiting(store, tracker.reactor.seconds)
        self._cursor: Any = None
        self._backoff = Backoff(INTERVAL, LONGEST)
        self._failing = False
        self._unheard = False
        self._stopped = False
        self._timer: Any = None
        self._lane: BatchingThread[Any] = BatchingThread(
            "cookietrack-feed", self._ask, tracker.reactor
        )
        tracker.told = tracker.reactor.seconds()
        self._poll()

    def stop(self) -> Deferred[None]:
        """Ask no more. Fires when the thread has ended. Idempotent."""
        self._stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._waiting.stop()
        return self._lane.close()

    def _poll(self) -> None:
        answer = self._lane.put(self._cursor).addCallback(self._answered)
        answer.addErrback(self._not_told).addCallback(self._again)

    def _ask(self, cursors: Iterable[Any]) -> list[_Answer]:
        return [self._ask_once(cursor) for cursor in cursors]

    def _ask_once(self, cursor: Any) -> _Answer:
        # It listens before it asks: nothing comes in between.
        told = self._waiting.wait()
        asked = self._tracker.reactor.seconds()
        ids, cursor = self._store.revoked_since(cursor)
        return _Answer(list(ids), cursor, asked, told, self._waiting.cause)

    def _answered(self, answer: _Answer) -> Deferred[float]:
        self._note(answer)
        return self._told(answer.ids, answer.cursor).addCallback(self._all_known, answer)

    def _note(self, answer: _Answer) -> None:
        if answer.cause and not self._unheard:
            self.log.debug(
                "revocations elsewhere are asked for every {interval} seconds, as the store does"
                " not tell of them: {cause}",
                interval=INTERVAL,
                cause=answer.cause,
            )
        elif self._unheard and not answer.cause:
            self.log.debug("the store tells of revocations elsewhere again")
        self._unheard = answer.cause is not None

    def _told(self, ids: list[str], cursor: Any) -> Deferred[Any]:
        untold = self._cursor is None
        self._cursor = cursor
        # What a look-up under way has read may be older than this.
        if untold:
            ids = list(self._tracker.connections)
            self._tracker.lookup.overtake_all()
        else:
            for id in ids:
                self._tracker.lookup.overtake(id)
        return self._check(id for id in ids if self._tracker.connections.live(id))

    def _check(self, ids: Iterable[str]) -> Deferred[Any]:
        checks = [self._tracker.lookup.soon(id).addCallback(self._looked_up, id) for id in ids]
        return gatherResults(checks, consumeErrors=True).addErrback(first_error)

    def _looked_up(self, cookie: Cookie | None, id: str) -> None:
        if cookie is None:
            self._tracker.endings.elsewhere(id)
        else:
            self._tracker.refresh(cookie)

    def _all_known(self, _: Any, answer: _Answer) -> float:
        """The seconds until it asks again."""
        self._tracker.told = answer.asked
        self._backoff.reset()
        if self._failing:
            self.log.info("revocations elsewhere are known again")
            self._failing = False
        return BREATH if answer.told else INTERVAL

    def _not_told(self, failure: Failure) -> float:
        if not self._failing and not self._stopped:
            self.log.warn(
                "revocations of other workers are not known: {cause}", cause=failure.value
            )
        self._failing = True
        # From now on, as everything that is live is looked up then.
        self._cursor = None
        self._tracker.told = NEVER
        return self._backoff.pause()

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._timer = self._tracker.reactor.callLater(seconds, self._poll)
