"""What stores say of themselves: one question at a time, however many want to know."""

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.router.stores import OpenStores
from cookietrack_plugin.tracking.tracker import Tracker

Numbers = Mapping[str, Any]

# How long a request waits for a store's numbers.
PATIENCE_S = 1.0
# How long a store may be silent before `cause` says so: longer, as a worker that is merely busy
# must not lose its clients to another one.
SILENT_S = 3.0
# How long an answer shows that the store answers.
MAX_AGE_S = 2.0


class Probe:
    """
    Asks one store for its numbers, on a thread. At most one question is in flight: those of a store
    that hangs would take every thread of the worker's pool. On the reactor's thread.

    :param reactor: gives the time and timers: see `MonotonicReactor`.
    """

    def __init__(self, tracker: Tracker, reactor: Any) -> None:
        self._tracker = tracker
        self._reactor = reactor
        self._in_flight: Deferred[Numbers] | None = None
        # When the latest question was asked, None before the first; and why the latest one that is
        # over failed, None if it did not.
        self._asked: float | None = None
        self._failed: str | None = None

    def numbers(self) -> Deferred[Numbers]:
        """The store's numbers now; empty if it does not answer within `PATIENCE_S`."""
        if self._tracker.is_away():
            return succeed({})
        answer = fan_out(self._ask()).addTimeout(PATIENCE_S, self._reactor)
        return answer.addErrback(lambda _: {})

    def cause(self) -> str | None:
        """
        Why the store did not answer when it was last asked; None if it did, or if it is known to be
        away. Does not wait: if that was long ago, the store is asked again, for the next caller.
        """
        if self._tracker.is_away():
            return None
        if self._asked is None or self._age() > MAX_AGE_S:
            self._ask()
        if self._in_flight is not None and self._age() > SILENT_S:
            return f"the store has not answered for {self._age():.0f} seconds"
        return self._failed

    def _age(self) -> float:
        asked: float = self._reactor.seconds()
        return asked - (asked if self._asked is None else self._asked)

    def _ask(self) -> Deferred[Numbers]:
        if self._in_flight is not None:
            return self._in_flight
        self._asked = self._reactor.seconds()
        self._in_flight = asked = self._tracker.stat()
        fan_out(asked).addCallbacks(self._answered, self._refused)
        return asked

    def _answered(self, _: Numbers) -> None:
        self._in_flight = self._failed = None

    def _refused(self, failure: Failure) -> None:
        self._in_flight = None
        self._failed = str(failure.value)


class Probes:
    """The probes of a worker's stores."""

    def __init__(self, stores: OpenStores) -> None:
        self._stores = stores
        self._probes: dict[Tracker, Probe] = {}

    def of_open(self) -> dict[str, Probe]:
        """Those of the stores that are open, by the stores' items as JSON."""
        trackers = self._stores.trackers()
        reactor = self._stores.reactor
        self._probes = {
            tracker: self._probes.get(tracker) or Probe(tracker, reactor)
            for tracker in trackers.values()
        }
        return {key: self._probes[tracker] for key, tracker in trackers.items()}
