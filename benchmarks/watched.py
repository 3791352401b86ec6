"""
A reactor as in a worker, with the plugin's own tracker and sweep on a store, visitors who come
meanwhile, and a watch on how late it runs. Called in a process of its own, by way of `fresh.run`.
"""

import time
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from benchmarks import stored
from benchmarks.probe import StallWatch
from cookietrack_plugin.access.reactor import MonotonicReactor
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.router.fast import stalls
from cookietrack_plugin.tracking.admission import Visitor
from cookietrack_plugin.tracking.clock import Clock, LocalClock
from cookietrack_plugin.tracking.sweep import Sweep
from cookietrack_plugin.tracking.tracker import Tracker

VISITORS_PER_SECOND = 150
# The numbers from here on are not those of cookies that were there before.
FIRST_VISITOR = 2**40
GLANCE = 0.02
POLICY = Policy(max_age=86400)
# Seconds: by then, whatever was there before has expired.
AHEAD = 10 * 365 * 86400


class Hurried:
    """The reactor, with the pauses of a sweep cut: what takes minutes in a node takes seconds."""

    LONGEST = 0.001

    def __init__(self, reactor: MonotonicReactor) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def callLater(self, seconds: float, *args: Any) -> Any:
        return self._reactor.callLater(min(seconds, self.LONGEST), *args)


class Observed:
    """A store that notes how many records were removed, and when none was left to remove."""

    def __init__(self, store: ICookieStore) -> None:
        self._store = store
        self.removed = 0
        self.is_swept = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def expire(self, now: int, limit: int) -> int:
        removed = self._store.expire(now, limit)
        self.removed += removed
        self.is_swept = removed < limit
        return removed


class Visitors:
    """Each comes with a cookie that nobody issued, and is given a new one, as in a handshake."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._numbers = count(FIRST_VISITOR)
        self._loop = LoopingCall(self._come)

    def start(self) -> None:
        self._loop.start(1 / VISITORS_PER_SECOND)

    def stop(self) -> None:
        self._loop.stop()

    def _come(self) -> None:
        visitor = Visitor([self._id()], "tcp4:192.0.2.1:51234", stored.BROWSER)
        self._tracker.admit(visitor, self._id, POLICY)

    def _id(self) -> str:
        return stored.identifier(next(self._numbers))


def idle(seconds: float) -> Mapping[str, float]:
    """The longest stall of a reactor that has nothing to do: what the machine itself adds."""
    watch = StallWatch()
    reactor.callWhenRunning(watch.start)
    reactor.callLater(seconds, reactor.stop)
    reactor.run()
    return {"stall_ms": watch.longest() * 1e3}


def swept(options: Mapping[str, Any], place: str, wanted: int) -> Mapping[str, float]:
    """
    The longest stall until `wanted` of the records, which have all expired by this reactor's clock,
    are removed, or no more are left.
    """
    clock = LocalClock(lambda: time.time() + AHEAD)
    return _watch(options, place, lambda store: store.is_swept or store.removed >= wanted, clock)


def compacted(options: Mapping[str, Any], place: str) -> Mapping[str, float]:
    """The longest stall until the store has compacted itself, which the sweep makes it do."""
    return _watch(options, place, lambda store: store.stat()["compactions"] > 0, LocalClock())


def _watch(
    options: Mapping[str, Any], place: str, is_over: Callable[[Observed], bool], clock: Clock
) -> Mapping[str, float]:
    with stored.opened(options, Path(place)) as opened:
        # As in a worker, when a store has been opened.
        stalls.freeze()
        store: Any = Observed(opened)
        watch = StallWatch()
        monotonic = MonotonicReactor(reactor)
        access = AsyncStore(store, monotonic)
        tracker = Tracker(access, monotonic, clock)
        sweeps: list[Sweep] = []
        visitors = Visitors(tracker)
        found: dict[str, float] = {}

        def begin() -> None:
            watch.start()
            sweeps.append(Sweep(access, clock, Hurried(monotonic)))
            visitors.start()
            glancing.start(GLANCE)

        def glance() -> None:
            if is_over(store):
                found.update(stall_ms=watch.longest() * 1e3, removed=store.removed)
                glancing.stop()
                visitors.stop()
                sweeps[0].stop()
                # What is in flight is finished first, as in a node.
                tracker.close().addBoth(lambda _: reactor.stop())

        glancing = LoopingCall(glance)
        reactor.callWhenRunning(begin)
        reactor.run()
        return found
