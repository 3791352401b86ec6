"""Batches that a store takes without blocking, and a thread behind them for all others."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from cookietrack_plugin.access.deferreds import fan_out, one_for_each
from cookietrack_plugin.access.dispatch import TimeSlicedDispatcher
from cookietrack_plugin.access.thread import LONG_TURN_S, BatchingThread
from cookietrack_plugin.errors import StoreUnavailable

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)
_Entry = tuple[T, Deferred[Any]]

# Items of a batch: to prepare them takes the reactor a few milliseconds at most.
MAX_ITEMS = 128
# How often a starter without an answer is asked whether it gives up.
PATROL_S = 1.0


class Starter(Protocol[T_contra]):
    """Does batches without waiting, one at a time."""

    def suits(self, item: T_contra) -> bool:
        """Whether an item may be part of a batch."""

    def begin(self, batch: Sequence[T_contra]) -> bool:
        """Begin a batch; False where that has to wait."""

    def fileno(self) -> int:
        """A file descriptor that can be read when there is something to finish."""

    def finish(self) -> Sequence[Any] | None:
        """A result for each item of the batch; None until they are there."""


class NonBlockingBatcher(Generic[T]):
    """
    Like a `BatchingThread`, and in front of one. Items that a `Starter` takes go to it, and need no
    thread; all others go to the thread, as does a batch of which `begin` or `finish` fails. Never
    both at the same time, and always in order. On the reactor's thread.
    """

    def __init__(
        self,
        thread: BatchingThread[T],
        starter: Starter[T],
        reactor: Any,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._thread = thread
        self._starter = starter
        self._reactor = reactor
        self._max_items = min(max_items, MAX_ITEMS)
        self._dispatcher = TimeSlicedDispatcher(reactor)
        self._queue: deque[_Entry[T]] = deque()
        # The starter's batch, when it was begun, and its descriptor.
        self._in_flight: list[_Entry[T]] = []
        self._began = 0.0
        self._answer: _Answer | None = None
        # How many items the thread has.
        self._lent = 0
        # Whether a timer is set that looks for the answer to the in-flight batch.
        self._patrols = False
        # When the first item of this turn of the reactor came, or one a LONG_TURN_S after that;
        # None if none has.
        self._since: float | None = None
        # Fires when all is done; and whether the thread has still to be closed then.
        self._closed: Deferred[None] | None = None
        self._ends = False

    def put(self, item: T) -> Deferred[Any]:
        """See `BatchingThread.put`."""
        if self._closed is not None:
            return fail(StoreUnavailable("the store is closed"))
        done: Deferred[Any] = Deferred()
        self._queue.append((item, done))
        now = self._reactor.seconds()
        if self._since is None:
            self._since = now
            self._reactor.callLater(0, self._end_turn)
        elif now - self._since > LONG_TURN_S:
            self._since = now
            # The reactor reports an answer only when its turn is over. Until then nothing would be
            # in flight, and everything that is put in this turn would wait for one flush.
            self._look()
            self._go_on()
        return done

    def close(self) -> Deferred[None]:
        """See `BatchingThread.close`."""
        if self._closed is None:
            self._closed = Deferred()
            self._ends = True
            self._go_on()
        return fan_out(self._closed)

    def _end_turn(self) -> None:
        self._since = None
        self._go_on()

    def _go_on(self) -> None:
        while self._queue and not self._is_busy():
            batch = self._next()
            if not batch:
                self._lend([self._queue.popleft()])
            elif not self._begins(batch):
                self._lend(batch)
        if self._closed and self._ends and not self._is_busy():
            self._ends = False
            self._thread.close().chainDeferred(self._closed)

    def _is_busy(self) -> bool:
        return bool(self._in_flight or self._lent)

    def _next(self) -> list[_Entry[T]]:
        """Take from the head of the queue what the starter does as one batch."""
        batch: list[_Entry[T]] = []
        while (
            self._queue and len(batch) < self._max_items and self._starter.suits(self._queue[0][0])
        ):
            batch.append(self._queue.popleft())
        return batch

    def _begins(self, batch: list[_Entry[T]]) -> bool:
        self._began = self._reactor.seconds()
        try:
            begun = self._starter.begin([item for item, _ in batch])
        except Exception:  # noqa: BLE001 - the thread commits it again, or reports why not
            return False
        if begun:
            self._in_flight = batch
            self._patrol()
            self._await_answer()
        return begun

    def _await_answer(self) -> None:
        """Watch the descriptor. If it cannot be watched, the patrol finds the answer."""
        try:
            self._answer = _Answer(self._starter.fileno(), self._look)
            self._reactor.addReader(self._answer)
        except Exception:  # noqa: BLE001 - the batch is begun, and nobody else may do it
            self._answer = None

    def _patrol(self) -> None:
        """Look again later, as a server may be silent. One timer for all batches, to save time."""
        if not self._patrols:
            self._patrols = True
            self._reactor.callLater(PATROL_S, self._patrolled)

    def _patrolled(self) -> None:
        self._patrols = False
        if self._in_flight:
            self._patrol()
            self._look()

    def _look(self) -> None:
        """Finish the in-flight batch if there is an answer to it."""
        if not self._in_flight:
            return
        # Before `finish`, which may close the descriptor: its number would be another's then.
        if self._answer is not None:
            self._reactor.removeReader(self._answer)
        try:
            results = self._results()
        except Exception:  # noqa: BLE001 - the thread commits it again, or reports why not
            self._lend(self._over())
            return
        if results is None:
            self._await_answer()
            return
        self._dispatcher.took(self._reactor.seconds() - self._began)
        waiters = [done for _, done in self._over()]
        try:
            # First the store, which is idle.
            self._go_on()
        finally:
            self._dispatcher.give(waiters, results)

    def _results(self) -> Sequence[Any] | None:
        results = self._starter.finish()
        return None if results is None else one_for_each(self._in_flight, results)

    def _over(self) -> list[_Entry[T]]:
        """Clear and return the in-flight batch."""
        batch, self._in_flight = self._in_flight, []
        return batch

    def _lend(self, batch: list[_Entry[T]]) -> None:
        self._lent += len(batch)
        for item, done in batch:
            self._thread.put(item).addBoth(self._returned, done)

    def _returned(self, result: Any, done: Deferred[Any]) -> None:
        self._lent -= 1
        self._go_on()
        # Behind the results that are still to be dispatched.
        self._dispatcher.give([done], [result])


@frozen
@implementer(IReadDescriptor)
class _Answer:
    """A file descriptor that the reactor watches."""

    number: int
    look: Callable[[], None]

    def fileno(self) -> int:
        return self.number

    def doRead(self) -> None:
        self.look()

    def connectionLost(self, reason: Failure) -> None:
        """The other end is gone and has left nothing to read, or the reactor has ended."""
        self.look()

    def logPrefix(self) -> str:
        return "cookietrack"
