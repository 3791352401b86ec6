"""One thread for work that can wait. What queued up while it was busy is worked off in one go."""

from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.fork import fork

T = TypeVar("T")


class Lane(Generic[T]):
    """
    Items go in on the reactor's thread; their results come back there, in the order of the items.

    An idle lane starts at once; a busy one takes everything that has come meanwhile as one batch,
    so that batches grow with the load and nobody waits for a timer (group commit, as in Gray and
    Reuter's "Transaction Processing", 9.3).

    `work` gets a batch on the lane's thread and returns a result for each item: a value, or a
    `Failure`. When it raises, every item of the batch fails with that.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], Sequence[Any]],
        reactor: IReactorFromThreads,
        max_batch: int = 1024,
    ) -> None:
        self._work = work
        self._reactor = reactor
        self._max_batch = max_batch
        self._queue: SimpleQueue[tuple[T, Deferred[Any]] | None] = SimpleQueue()
        self._closed: Deferred[None] | None = None
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: T) -> Deferred[Any]:
        """
        Queue an item. The Deferred fires, on the reactor's thread, with its result; it fails with
        `StoreUnavailable` at once when the lane was closed: nobody is there any more to answer.
        """
        if self._closed is not None:
            return fail(StoreUnavailable("the store is closed"))
        done: Deferred[Any] = Deferred()
        self._queue.put((item, done))
        return done

    def close(self) -> Deferred[None]:
        """Work off what is queued, end the thread, then fire. Idempotent."""
        if self._closed is None:
            self._closed = Deferred()
            self._queue.put(None)
        return fork(self._closed)

    def _run(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._take()
            if batch:
                results = self._results([item for item, _ in batch])
                self._reactor.callFromThread(_deliver, [done for _, done in batch], results)
        self._reactor.callFromThread(self._ended)

    def _take(self) -> tuple[list[tuple[T, Deferred[Any]]], bool]:
        batch = []
        entry = self._queue.get()
        while entry is not None:
            batch.append(entry)
            if len(batch) == self._max_batch:
                break
            try:
                entry = self._queue.get_nowait()
            except Empty:
                break
        return batch, entry is not None

    def _results(self, items: list[T]) -> Sequence[Any]:
        try:
            results = self._work(items)
            if len(results) != len(items):
                raise RuntimeError(f"{len(results)} results for {len(items)} items")
        except BaseException:  # noqa: BLE001 - the waiters must hear of it, whatever it is
            return [Failure()] * len(items)
        return results

    def _ended(self) -> None:
        assert self._closed is not None
        self._closed.callback(None)


def _deliver(waiters: Sequence[Deferred[Any]], results: Sequence[Any]) -> None:
    for done, result in zip(waiters, results, strict=True):
        # Fires errback for a Failure.
        done.callback(result)
