"""Group commit: changes go to the store in order, and are visible to this worker at once."""

from collections.abc import Callable, Sequence
from itertools import count
from time import perf_counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.deferreds import one_for_each
from cookietrack_plugin.access.inplace import InPlace
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.nonblocking import NonBlockingBatcher
from cookietrack_plugin.access.starter import GuardedStarter
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.interfaces import IBatchLimit, ICookieStore, INonBlockingCommit
from cookietrack_plugin.record import Change, Cookie, after, stores_login

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
        # When each of them was submitted, the oldest first, by the number that it was given.
        self._submitted: dict[int, float] = {}
        self._numbers = count()
        self._seconds: Callable[[], float] = reactor.seconds
        self._breaker = Breaker(reactor.seconds)
        self._runner = self._make_runner(reactor)
        self.closed = False

    @property
    def pending(self) -> int:
        """How many changes are queued or being stored."""
        return len(self._submitted)

    def queue_age(self) -> float:
        """For how many seconds the oldest of them has waited; 0 where there is none."""
        oldest = next(iter(self._submitted.values()), None)
        return 0.0 if oldest is None else self._seconds() - oldest

    def submit(self, change: Change) -> Deferred[bool]:
        """
        Queue a change. Fires with whether it applied, once that is durable; fails with the store's
        error when the change was not stored.
        """
        if refusal := self.refusal():
            return fail(refusal)
        self._pending.setdefault(change.id, []).append(change)
        number = next(self._numbers)
        self._submitted[number] = self._seconds()
        return self._runner.put(change).addBoth(self._settle, change, number)

    def refusal(self) -> StoreUnavailable | None:
        """Why changes are refused now: the store is closed or away. None if they are accepted."""
        return StoreUnavailable("the store is closed") if self.closed else self._breaker.refusal()

    def insist(self) -> None:
        """Let the next changes reach a store that was away a moment ago: they are the last."""
        self._breaker.close()

    def barrier(self) -> Deferred[None]:
        """Fires when everything that is queued now is stored, or has failed."""
        return self._runner.put(_nothing)

    def ask(self, job: Job) -> Deferred[Any]:
        """Run a `job` that calls the store between two batches, behind the breaker; its result."""
        if refusal := self.refusal():
            return fail(refusal)
        return self._runner.put(lambda: self._breaker.call(job))

    def overlay(self, id: str, cookie: Cookie | None) -> Cookie | None:
        """
        The record that `cookie`, read from the store, becomes by the changes that are queued. A
        login counts only once it is durable.
        """
        for change in self._pending.get(id, ()):
            if not stores_login(change):
                cookie = after(cookie, change)
        return cookie

    def stores_login(self, id: str, cookie: Cookie | None) -> bool:
        """
        Whether a login is queued or being stored on the record that was read from the store as
        `cookie`, and no change behind it deletes the record.
        """
        pending = self._pending.get(id, ())
        if not any(map(stores_login, pending)):
            return False
        for change in pending:
            cookie = after(cookie, change)
        return cookie is not None

    def is_idle(self, id: str) -> bool:
        """Whether no change of the cookie is queued or being stored."""
        return id not in self._pending

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
            return NonBlockingBatcher(thread, self._make_starter(store), reactor, limit)
        return thread

    def _make_starter(self, store: Any) -> GuardedStarter[Any]:
        return GuardedStarter(
            breaker=self._breaker,
            suits=lambda item: not callable(item),
            begin=store.begin,
            fileno=store.fileno,
            finish=store.finish,
            unpack=lambda batch, results: list(results),
            observe=self._observe,
        )

    def _settle(self, result: Any, change: Change, number: int) -> Any:
        del self._submitted[number]
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
        if len(changes) > 1 and not outcome.check(StoreUnavailable, ConfigError):
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


def _outcome(job: Job) -> Any:
    try:
        return job()
    except Exception:  # noqa: BLE001 - the waiters get it
        return Failure()


def _nothing() -> None:
    """The job of a barrier."""
