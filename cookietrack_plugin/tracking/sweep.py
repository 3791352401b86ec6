"""Removes expired records in the background, a small step at a time."""

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.tracking.clock import Clock

# Between two sweeps, and between two steps of one.
INTERVAL_S = 30.0
PAUSE_S = 0.02
# Records in a step. While a store's thread runs Python, the reactor waits up to 5 ms for its turn
# (sys.getswitchinterval): a step has to be over before it has waited twice.
STEP = 100


class Sweep:
    """
    Every `INTERVAL_S`, calls `ICookieStore.expire` until nothing is left. Between two steps the
    writer thread commits what is queued. A store that is away is left alone.

    :param label: what the log calls the store.
    """

    log = make_logger()

    def __init__(
        self,
        store: AsyncStore,
        clock: Clock,
        reactor: Any,
        label: str = "the cookie store",
    ) -> None:
        self._store = store
        self._clock = clock
        self._reactor = reactor
        self._label = label
        self._call = reactor.callLater(INTERVAL_S, self._run)
        self._stopped = False
        self._failing = False

    def stop(self) -> None:
        """No further step. Idempotent."""
        self._stopped = True
        if self._call.active():
            self._call.cancel()

    def _run(self) -> Deferred[None]:
        if self._store.refusal():
            self._again(INTERVAL_S)
            return succeed(None)
        now = self._clock.now()
        done = self._store.expire(now, STEP)
        # In this order: if `_swept` fails at a wrong answer, `_failed` plans the next run.
        return done.addCallback(self._swept).addErrback(self._failed)

    def _swept(self, deleted: int) -> None:
        self._store.metrics.swept += deleted
        if deleted:
            self.log.debug("expired cookies removed: {deleted}", deleted=deleted)
        if self._failing:
            self._failing = False
            self.log.info("{store}: expired cookies are removed again", store=self._label)
        self._again(PAUSE_S if deleted >= STEP else INTERVAL_S)

    def _failed(self, failure: Failure) -> None:
        if not self._failing:
            self._failing = True
            text = "{store}: expired cookies cannot be removed now: {cause}"
            self.log.warn(text, store=self._label, cause=failure.value)
        self._again(INTERVAL_S)

    def _again(self, seconds: float) -> None:
        if not self._stopped:
            self._call = self._reactor.callLater(seconds, self._run)
