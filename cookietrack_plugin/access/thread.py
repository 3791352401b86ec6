"""One thread for work that can block. What is queued while it is busy is its next batch."""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from cookietrack_plugin.access.deferreds import fan_out, one_for_each
from cookietrack_plugin.access.dispatch import TimeSlicedDispatcher
from cookietrack_plugin.errors import StoreUnavailable

T = TypeVar("T")
_Entry = tuple[T, Deferred[Any]]

# If the reactor's turn exceeds this, an idle thread starts early, so that clients do not queue
# behind a single flush.
LONG_TURN_S = 0.0015


class BatchingThread(Generic[T]):
    """
    Items go in on the reactor's thread; their results come back there, in the order of the items.

    What comes in one turn of the reactor is one batch, as is what comes while the thread is busy:
    so batches grow with the load, and an idle thread starts when the turn is over, or has become
    long (group commit, as in Gray and Reuter's "Transaction Processing", 9.3).

    `work` gets a batch on the thread and returns a result for each item: a value, or a
    `Failure`. When it raises, every item of the batch fails with that.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], Sequence[Any]],
        reactor: Any,
        max_batch: int = 1024,
    ) -> None:
        self._work = work
        self._reactor = reactor
        self._max_batch = max_batch
        # The items of this turn of the reactor, and when the first of them came.
        self._gathered: list[_Entry[T]] = []
        self._since = 0.0
        # Those of earlier turns; None ends the thread.
        self._queue: SimpleQueue[list[_Entry[T]] | None] = SimpleQueue()
        # Whether the thread is idle. The reactor may see it a moment late, which does no harm.
        self._idle = True
        self._dispatcher = TimeSlicedDispatcher(reactor)
        self._closed: Deferred[None] | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> Deferred[Any]:
        """
        Queue an item. The Deferred fires, on the reactor's thread, with its result; it fails with
        `StoreUnavailable` at once after `close`.
        """
        if self._closed is not None:
            return fail(StoreUnavailable("the store is closed"))
        done: Deferred[Any] = Deferred()
        if not self._gathered:
            self._since = self._reactor.seconds()
            self._reactor.callLater(0, self._hand_over)
        self._gathered.append((item, done))
        if self._idle and self._reactor.seconds() - self._since > LONG_TURN_S:
            self._hand_over()
        return done

    def close(self) -> Deferred[None]:
        """Do what is queued, end the thread, then fire. Idempotent."""
        if self._closed is None:
            self._closed = Deferred()
            self._hand_over()
            self._queue.put(None)
        return fan_out(self._closed)

    def _hand_over(self) -> None:
        if self._gathered:
            self._idle = False
            self._queue.put(self._gathered)
            self._gathered = []

    def _run(self) -> None:
        open_ = True
        while open_:
            self._idle = self._queue.empty()
            entries, open_ = self._take()
            self._idle = False
            for start in range(0, len(entries), self._max_batch):
                batch = entries[start : start + self._max_batch]
                results = self._timed([item for item, _ in batch])
                self._reactor.callFromThread(self._deliver, [done for _, done in batch], results)
        self._reactor.callFromThread(self._deliver, [self._closed], [None])

    def _take(self) -> tuple[list[_Entry[T]], bool]:
        entries: list[_Entry[T]] = []
        gathered = self._queue.get()
        while gathered is not None:
            entries += gathered
            try:
                gathered = self._queue.get_nowait()
            except Empty:
                return entries, True
        return entries, False

    def _timed(self, items: list[T]) -> Sequence[Any]:
        began = self._reactor.seconds()
        results = self._results(items)
        self._dispatcher.took(self._reactor.seconds() - began)
        return results

    def _results(self, items: list[T]) -> Sequence[Any]:
        try:
            return one_for_each(items, self._work(items))
        except BaseException:  # noqa: BLE001 - the waiters must hear of any error
            return [Failure()] * len(items)

    def _deliver(self, waiters: Sequence[Any], results: Sequence[Any]) -> None:
        # First the thread, which is idle.
        self._hand_over()
        self._dispatcher.give(waiters, results)
