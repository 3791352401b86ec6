"""Removing expired records in the background, a small step at a time."""

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.tracking.clock import Clock

# Seconds between two sweeps; between two steps of one; records in a step. Whenever the reactor
# wants the interpreter while a store's thread runs Python, it waits up to 5 ms for its turn
# (sys.getswitchinterval): a step has to be over before it has waited twice.
INTERVAL = 30.0
PAUSE = 0.02
STEP = 100


class Sweep:
    """
    Calls `ICookieStore.expire` until nothing is left, again and again. Commits go first: between
    two steps the writer thread takes what has queued up. A store that is away is left alone.
    """

    log = make_logger()

    def __init__(
        self,
        store: ICookieStore,
        committer: Committer,
        clock: Clock,
        reactor: IReactorTime,
        measures: Metrics,
    ) -> None:
        self._store = store
        self._measures = measures
        self._committer = committer
        self._clock = clock
        self._reactor = reactor
        self._call = reactor.callLater(INTERVAL, self._run)
        self._stopped = False
        self._failing = False

    def stop(self) -> None:
        """No further step. Idempotent."""
        self._stopped = True
        if self._call.active():
            self._call.cancel()

    def _run(self) -> Deferred[None]:
        if self._committer.refusal():
            self._again(INTERVAL)
            return succeed(None)
        now = self._clock.now()
        done = self._committer.ask(lambda: self._store.expire(now, STEP))
        # In this order: whatever a store answers, there is a next time.
        return done.addCallback(self._swept).addErrback(self._failed)

    def _swept(self, deleted: int) -> None:
        self._measures.swept += deleted
        if deleted:
            self.log.debug("swept {deleted} expired cookies", deleted=deleted)
        if self._failing:
            self._failing = False
            self.log.info("expired cookies are removed again")
        self._again(PAUSE if deleted >= STEP else INTERVAL)

    def _failed(self, failure: Failure) -> None:
        if not self._failing:
            self._failing = True
            self.log.warn("expired cookies cannot be removed now: {cause}", cause=failure.value)
        self._again(INTERVAL)

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._call = self._reactor.callLater(seconds, self._run)
