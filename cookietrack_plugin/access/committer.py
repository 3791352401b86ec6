"""Group commit: changes go to the store in order, and are visible to this worker at once."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Protocol

from attrs import define
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.deferreds import one_for_each
from cookietrack_plugin.access.inplace import InPlace
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.nonblocking import NonBlockingBatcher
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IBatchLimit, ICookieStore, INonBlockingCommit
from cookietrack_plugin.record import Authenticate, Change, Cookie, after

Job = Callable[[], Any]

# Changes in a batch, unless the store takes fewer (`IBatchLimit`).
MAX_CHANGES = 1024


class Runner(Protocol):
    """One of the three ways to run commits: in place, on a thread, without waiting."""

    def put(self, item: Change | Job) -> Deferred[Any]:
        """Queue a change, or a job that runs between two batches; its result."""

    def close(self) -> Deferred[None]:
        """Fire when everything that is queued has run."""


class Committer:
    """
    The only way in which changes reach a store. On the reactor's thread.

    Where `store.commits_block`, a writer thread takes everything that is queued as one batch,
    behind a breaker. With `INonBlockingCommit` batches are handed over without that thread, as long
    as nothing goes wrong. A volatile store commits in place: a thread would buy nothing.
    """

    def __init__(self, store: ICookieStore, reactor: Any, metrics: Metrics) -> None:
        self._store = store
        self._metrics = metrics
        # Changes that are not known to be durable yet, by id.
        self._pending: dict[str, list[Change]] = {}
        self._breaker = Breaker(reactor.seconds)
        self._runner = self._make_runner(reactor)
        # How many changes are queued or being stored.
        self.pending = 0
        self.closed = False

    def submit(self, change: Change) -> Deferred[bool]:
        """
        Queue a change. Fires with whether it applied, once that is durable; fails with the store's
        error when the change was not stored.
        """
        if refusal := self.refusal():
            return fail(refusal)
        self._pending.setdefault(change.id, []).append(change)
        self.pending += 1
        return self._runner.put(change).addBoth(self._settle, change)

    def refusal(self) -> StoreUnavailable | None:
        """Why no change is taken now, as the store is known not to answer; None if they are."""
        return StoreUnavailable("the store is closed") if self.closed else self._breaker.refusal()

    def insist(self) -> None:
        """The next changes go to the store even if it was away a moment ago: they are the last."""
        self._breaker.close()

    def barrier(self) -> Deferred[None]:
        """Fires when everything that is queued now is stored, or has failed."""
        return self._runner.put(_nothing)

    def ask(self, job: Job) -> Deferred[Any]:
        """Run what calls the store between two batches, behind the breaker; its result."""
        if refusal := self.refusal():
            return fail(refusal)
        return self._runner.put(lambda: self._breaker.call(job))

    def overlay(self, id: str, cookie: Cookie | None) -> Cookie | None:
        """
        `cookie`, which the store has, as it will be once every queued change is stored; but for
        logins, which count when they are durable.
        """
        for change in self._pending.get(id, ()):
            if not isinstance(change, Authenticate):
                cookie = after(cookie, change)
        return cookie

    def stores_login(self, id: str) -> bool:
        """Whether a login of the cookie is queued, or being stored."""
        return any(isinstance(change, Authenticate) for change in self._pending.get(id, ()))

    def close(self) -> Deferred[Any]:
        """Store what is queued, then close the store where its commits run."""
        self.closed = True
        closed = self._runner.put(self._store.close)
        ended = self._runner.close()
        return closed.addBoth(lambda result: ended.addCallback(lambda _: result))

    def _make_runner(self, reactor: Any) -> Runner:
        store = self._store
        if not store.commits_block:
            return InPlace(self._work_on)
        limit = store.max_changes if IBatchLimit.providedBy(store) else MAX_CHANGES
        thread: BatchingThread[Change | Job] = BatchingThread(
            "cookietrack-writer", self._work, reactor, min(limit, MAX_CHANGES)
        )
        if INonBlockingCommit.providedBy(store) and IReactorFDSet.providedBy(reactor):
            starter = _NonBlockingStarter(store, self._breaker, self._observe)
            return NonBlockingBatcher(thread, starter, reactor, limit)
        return thread

    def _settle(self, result: Any, change: Change) -> Any:
        self.pending -= 1
        changes = self._pending[change.id]
        changes.remove(change)
        if not changes:
            del self._pending[change.id]
        return result

    def _work_on(self, item: Change | Job) -> Any:
        if callable(item):
            return item()
        changes = [item]
        [applied] = one_for_each(changes, self._breaker.call(lambda: self._timed(changes)))
        return applied

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
        self._observe(perf_counter() - start, len(changes))
        return results

    def _observe(self, seconds: float, size: int) -> None:
        self._metrics.commit_seconds.observe(seconds)
        self._metrics.batch_size.observe(size)


@define
class _NonBlockingStarter:
    """
    Batches of changes for a store with `INonBlockingCommit`. While it is away none are begun: the
    breaker's trials are the writer thread's.
    """

    store: Any
    breaker: Breaker
    observe: Callable[[float, int], None]
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
        self.observe(perf_counter() - self.start, self.size)
        return list(results)


def _outcome(job: Job) -> Any:
    try:
        return job()
    except Exception:  # noqa: BLE001 - it is delivered to those who wait
        return Failure()


def _nothing() -> None:
    """Queued behind everything that is queued."""
