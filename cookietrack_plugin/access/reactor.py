"""
A reactor whose timers the wall clock does not move.

Twisted's own keeps time by `time.time`: after the wall clock was set back an hour, each pending
`callLater` is an hour late. Here one thread waits by the monotonic clock, for all timers of a
worker.
"""

import time
from collections import deque
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from threading import Condition, Thread
from typing import Any

from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure
from txaio.tx import make_logger
from zope.interface import directlyProvides

# Cancelled timers that may be in the heap before they are removed from it.
MAX_CANCELLED = 1000
# What a turn of the reactor may spend on timers that are due at once.
SLICE_S = 0.002


class DelayedCall:
    """
    A call that is due at `deadline` (monotonic, seconds), as `callLater` returns it.

    :param cancelled: is called when it is cancelled.
    """

    __slots__ = ("_call", "_cancelled", "deadline")

    def __init__(
        self,
        deadline: float,
        call: Callable[[], Any],
        cancelled: Callable[[], None] = lambda: None,
    ) -> None:
        self.deadline = deadline
        self._call: Callable[[], Any] | None = call
        self._cancelled = cancelled

    def active(self) -> bool:
        """Whether it is still to come."""
        return self._call is not None

    def cancel(self) -> None:
        """Do not call. Idempotent."""
        if self._call is not None:
            self._call = None
            self._cancelled()

    def run(self) -> None:
        """Call, unless that was done or cancelled."""
        call, self._call = self._call, None
        if call is not None:
            call()


class MonotonicTimers:
    """A heap of deadlines, and the thread that waits for the first of them."""

    log = make_logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._heap: list[tuple[float, int, DelayedCall]] = []
        self._numbers = count()
        self._cancelled = 0
        # Held for heap operations alone. The thread waits on it for an earlier deadline.
        self._changed = Condition()
        # The calls that are due now, and whether the reactor still has some of them to run.
        self._due: deque[DelayedCall] = deque()
        self._asked = False
        self._thread: Thread | None = None

    def add(self, seconds: float, call: Callable[[], Any]) -> DelayedCall:
        """Run `call` on the reactor's thread in so many seconds."""
        delayed = DelayedCall(time.monotonic() + seconds, call, self._was_cancelled)
        with self._changed:
            heappush(self._heap, (delayed.deadline, next(self._numbers), delayed))
            if self._heap[0][2] is delayed:
                self._changed.notify()
        if self._thread is None:
            thread = Thread(target=self._wait, name="cookietrack-timers", daemon=True)
            thread.start()
            self._thread = thread
        return delayed

    def _wait(self) -> None:
        while True:
            with self._changed:
                if self._asked or not self._heap:
                    self._changed.wait()
                    continue
                seconds = self._heap[0][0] - time.monotonic()
                if seconds > 0:
                    self._changed.wait(seconds)
                    continue
                self._asked = True
            self._reactor.callFromThread(self._run_due)

    def _run_due(self) -> None:
        """Run as many due calls as a slice allows, and the others in the next turns."""
        self._take_due(time.monotonic())
        end = time.monotonic() + SLICE_S
        while self._due and time.monotonic() < end:
            run_logged(self.log, self._due.popleft().run)
        if self._due:
            self._reactor.callFromThread(self._run_due)
            return
        with self._changed:
            self._asked = False
            self._changed.notify()

    def _take_due(self, now: float) -> None:
        with self._changed:
            while self._heap and self._heap[0][0] <= now:
                self._due.append(heappop(self._heap)[2])

    def _was_cancelled(self) -> None:
        """Remove cancelled calls from the heap once there are many."""
        self._cancelled += 1
        if self._cancelled > MAX_CANCELLED:
            with self._changed:
                self._heap = [entry for entry in self._heap if entry[2].active()]
                heapify(self._heap)
            self._cancelled = 0


class MonotonicReactor:
    """
    The part of a reactor that this package uses, over the worker's own. On the reactor's thread,
    except `seconds` and `callFromThread`, which are for any.
    """

    log = make_logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._timers = MonotonicTimers(reactor)
        # What the next turn is to run.
        self._soon: deque[DelayedCall] = deque()
        self.callFromThread = reactor.callFromThread
        self.getThreadPool = reactor.getThreadPool
        self.addReader = getattr(reactor, "addReader", None)
        self.removeReader = getattr(reactor, "removeReader", None)
        self.addSystemEventTrigger = reactor.addSystemEventTrigger
        if IReactorFDSet.providedBy(reactor):
            directlyProvides(self, IReactorFDSet)

    def seconds(self) -> float:
        """The monotonic clock, in seconds."""
        return time.monotonic()

    def callLater(self, delay: float, call: Callable[..., Any], *args: Any) -> DelayedCall:
        """Call in `delay` seconds; with 0, in the next turn of the reactor."""
        if delay > 0:
            return self._timers.add(delay, lambda: call(*args))
        soon = DelayedCall(0.0, lambda: call(*args))
        if not self._soon:
            # A `callLater(0)` of Twisted's would wait out a clock that is set back just now.
            self._reactor.callFromThread(self._run_soon)
        self._soon.append(soon)
        return soon

    def _run_soon(self) -> None:
        calls, self._soon = self._soon, deque()
        for each in calls:
            run_logged(self.log, each.run)


def run_logged(log: Any, call: Callable[[], Any]) -> None:
    """Call, and log any exception, so that the next one is called all the same."""
    try:
        call()
    except BaseException:  # noqa: BLE001 - as a reactor does with its own timers
        log.failure("a timer failed: {log_failure.value}", failure=Failure())
