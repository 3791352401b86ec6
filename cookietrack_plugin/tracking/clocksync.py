"""Measures the server's time every minute, and reports a wall clock that is off."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.servertime import TimeSample, sample_time
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.tracking.clock import MAX_SKEW_S, ServerClock

INTERVAL_S = 60.0


class ClockSync:
    """On the reactor's thread. A store that does not answer is asked again a minute later."""

    log = make_logger()

    def __init__(self, store: AsyncStore, clock: ServerClock, reactor: Any) -> None:
        self._store = store
        self._clock = clock
        self._reactor = reactor
        self._reported = False
        self._stopped = False
        self._timer: Any = None
        self._report()
        self._schedule()

    def stop(self) -> None:
        """Measure no more. Idempotent."""
        self._stopped = True
        if self._timer.active():
            self._timer.cancel()

    def _schedule(self) -> None:
        self._timer = self._reactor.callLater(INTERVAL_S, self._measure)

    def _measure(self) -> Deferred[None]:
        measured = self._store.run(sample_time).addCallback(self._measured)
        return measured.addErrback(self._failed).addCallback(self._again)

    def _measured(self, sample: TimeSample) -> None:
        self._clock.adjust(sample)
        self._report()

    def _failed(self, failure: Failure) -> None:
        # Those who need the store now report that it does not answer.
        if not failure.check(StoreUnavailable):
            self.log.failure("the server's time cannot be measured", failure=failure)

    def _again(self, _: None) -> None:
        if not self._stopped:
            self._schedule()

    def _report(self) -> None:
        skew = self._clock.skew()
        is_off = abs(skew) > MAX_SKEW_S
        if is_off and not self._reported:
            self.log.warn(
                "this machine's clock is {seconds} s {direction} that of the store's server:"
                " synchronize it by NTP. Cookies expire by the server's clock",
                seconds=round(abs(skew), 1),
                direction="ahead of" if skew > 0 else "behind",
            )
        self._reported = is_off
