"""Group commit: changes go to the store in order, by one thread, and are seen here at once."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.nonblocking import NonBlockingBatcher
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, INonBlockingCommit
from cookietrack_plugin.record import Change, Cookie, after

Job = Callable[[], Any]


@define(eq=False)
class _Waiting:
    """A change that is not known to be durable yet, and who waits for it."""

    change: Change
    waiters: list[Deferred[Any]] = field(factory=list)

    def wait(self) -> Deferred[Any]:
        waiter: Deferred[Any] = Deferred()
        self.waiters.append(waiter)
        return waiter

    def settle(self, result: Any) -> None:
        for waiter in self.waiters:
            waiter.callback(result)


class Committer:
    """
    The only way in which changes reach a store. On the reactor's thread.

    Where `store.commits_block`, its writer thread takes everything that waits as one batch, behind
    a breaker. With `INonBlockingCommit` it is handed over without that thread, as long as nothing
    goes wrong. A volatile store commits in place: a thread would buy nothing.
    """

    def __init__(self, store: ICookieStore, reactor: Any, measures: Metrics) -> None:
        self._store = store
        self._measures = measures
        self._waiting: dict[str, list[_Waiting]] = {}
        self._lane: BatchingThread[Change | Job] | NonBlockingBatcher[Change | Job] | None = None
        self._breaker = Breaker(reactor.seconds)
        if store.commits_block:
            self._lane = self._make_lane(reactor)
        # How many changes are queued or being stored.
        self.pending = 0
        self.closed = False

    def submit(self, change: Change) -> Deferred[bool]:
        """
        Queue a change. Fires with whether it applied, once that is durable; fails with the store's
        error when the change was not stored.
        """
        if self.closed:
            return fail(StoreUnavailable("the store is closed"))
        if self._lane is None:
            return maybeDeferred(lambda: self._timed([change])[0])
        if refusal := self.refusal():
            return fail(refusal)
        entry = _Waiting(change)
        self._waiting.setdefault(change.id, []).append(entry)
        self.pending += 1
        durable = entry.wait()
        self._lane.put(change).addBoth(self._settle, entry)
        return durable

    def refusal(self) -> StoreUnavailable | None:
        """Why no change is taken now, as the store is known not to answer; None if they are."""
        return self._breaker.refusal()

    def insist(self) -> None:
        """The next changes go to the store even if it was away a moment ago: they are the last."""
        self._breaker.close()

    def run(self, job: Job) -> Deferred[Any]:
        """Run `job` where commits run, between two batches; its result."""
        return maybeDeferred(job) if self._lane is None else self._lane.put(job)

    def ask(self, job: Job) -> Deferred[Any]:
        """Like `run`, for what calls the store: behind the breaker, as changes are."""
        if self._lane is None:
            return maybeDeferred(job)
        if refusal := self.refusal():
            return fail(refusal)
        return self._lane.put(lambda: self._breaker.call(job))

    def overlay(self, id: str, cookie: Cookie | None) -> Cookie | None:
        """The record as it will be once every queued change is stored, given what the store has."""
        for entry in self._waiting.get(id, ()):
            cookie = after(cookie, entry.change)
        return cookie

    def settled(self, id: str) -> Deferred[Any]:
        """
        Fires when every change queued for `id` is durable, those that come while it waits as well;
        fails when one is not stored.
        """
        entries = self._waiting.get(id)
        if not entries:
            return succeed(None)
        # One after the other: that is the order in which they are stored.
        return entries[0].wait().addCallback(lambda _: self.settled(id))

    def close(self) -> Deferred[Any]:
        """Store what is queued, then close the store on its writer thread."""
        self.closed = True
        if self._lane is None:
            return maybeDeferred(self._store.close)
        closed = self._lane.put(self._store.close)
        ended = self._lane.close()
        return closed.addBoth(lambda result: ended.addCallback(lambda _: result))

    def _make_lane(
        self, reactor: Any
    ) -> BatchingThread[Change | Job] | NonBlockingBatcher[Change | Job]:
        lane: BatchingThread[Change | Job] = BatchingThread(
            "cookietrack-writer", self._work, reactor
        )
        if INonBlockingCommit.providedBy(self._store) and IReactorFDSet.providedBy(reactor):
            return NonBlockingBatcher(
                lane, _Unblocked(self._store, self._breaker, self._note), reactor
            )
        return lane

    def _settle(self, result: Any, entry: _Waiting) -> None:
        self.pending -= 1
        entries = self._waiting[entry.change.id]
        entries.remove(entry)
        if not entries:
            del self._waiting[entry.change.id]
        entry.settle(result)

    def _work(self, batch: Sequence[Change | Job]) -> list[Any]:
        results: list[Any] = []
        changes: list[Change] = []
        for item in batch:
            if callable(item):
                results += self._commit(changes)
                results.append(_outcome(item))
                changes = []
            else:
                changes.append(item)
        return results + self._commit(changes)

    def _commit(self, changes: list[Change]) -> list[Any]:
        if not changes:
            return []
        outcome = _outcome(lambda: self._breaker.call(lambda: self._timed(changes)))
        if not isinstance(outcome, Failure):
            return outcome
        # One change that the store cannot take must not fail those that share its batch.
        if len(changes) > 1 and not outcome.check(StoreUnavailable):
            return [result for change in changes for result in self._commit([change])]
        return [outcome] * len(changes)

    def _timed(self, changes: Sequence[Change]) -> list[bool]:
        start = perf_counter()
        results = list(self._store.commit(changes))
        self._note(perf_counter() - start, len(changes))
        return results

    def _note(self, seconds: float, size: int) -> None:
        self._measures.commit_seconds.observe(seconds)
        self._measures.batch_size.observe(size)


@define
class _Unblocked:
    """
    Batches of changes for a store with `INonBlockingCommit`. While it is away none are begun: the
    breaker's trials are the writer thread's.
    """

    store: Any
    breaker: Breaker
    note: Callable[[float, int], None]
    start: float = 0.0
    size: int = 0

    def suits(self, item: Change | Job) -> bool:
        return not callable(item)

    def begin(self, batch: Sequence[Change | Job]) -> bool:
        self.start, self.size = perf_counter(), len(batch)
        return not self.breaker.is_open() and bool(self.store.begin(batch))

    def fileno(self) -> int:
        return int(self.store.fileno())

    def finish(self) -> list[bool] | None:
        results = self.store.finish()
        if results is None:
            return None
        self.breaker.close()
        self.note(perf_counter() - self.start, self.size)
        return list(results)


def _outcome(job: Job) -> Any:
    try:
        return job()
    except Exception:  # noqa: BLE001 - it is delivered to those who wait
        return Failure()
