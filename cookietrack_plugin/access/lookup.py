"""Reading records without blocking, and never an answer that our own writes have overtaken."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie


class _Reading:
    """A look-up of one id that is under way, shared by all who want that id."""

    def __init__(self) -> None:
        self.overtaken = False
        self.waiters: list[Deferred[Cookie | None]] = []


class Lookup:
    """
    Records by id, with the changes that are still queued. On the reactor's thread.

    Where `store.reads_block`, a reader thread loads all ids that wait in one round trip, behind a
    breaker. Otherwise the store is read in place.
    """

    def __init__(
        self,
        store: ICookieStore,
        committer: Committer,
        reactor: Any,
        measures: Metrics,
    ) -> None:
        self._store = store
        self._measures = measures
        self._committer = committer
        self._reading: dict[str, _Reading] = {}
        self._lane: BatchingThread[str] | None = None
        self._breaker = Breaker(reactor.seconds)
        if store.reads_block:
            self._lane = BatchingThread("cookietrack-reader", self._load_guarded, reactor)

    @property
    def blocks(self) -> bool:
        """Whether a look-up has to go through the reader thread."""
        return self._lane is not None

    def refusal(self) -> StoreUnavailable | None:
        """Why nothing is read now, as the store is known not to answer; None if it is."""
        return self._breaker.refusal()

    def now(self, id: str) -> Cookie | None:
        """
        The record, read in place: only where look-ups do not block.

        :raises StoreUnavailable: and what else the store's `load` raises.
        """
        assert not self.blocks
        [cookie] = self._load((id,))
        return self._committer.overlay(id, cookie)

    def soon(self, id: str) -> Deferred[Cookie | None]:
        """The record; fails as `load` does."""
        if self._lane is None:
            return maybeDeferred(self.now, id)
        if refusal := self.refusal():
            return fail(refusal)
        reading = self._reading.get(id)
        if reading is None:
            reading = self._reading[id] = _Reading()
            self._lane.put(id).addBoth(self._read, id, reading)
        waiter: Deferred[Cookie | None] = Deferred()
        reading.waiters.append(waiter)
        return waiter

    def overtake(self, id: str) -> None:
        """The record changed: a look-up under way may not see it, and is made again."""
        if reading := self._reading.get(id):
            reading.overtaken = True

    def overtake_all(self) -> None:
        """Any record may have changed: every look-up under way is made again."""
        for reading in self._reading.values():
            reading.overtaken = True

    def close(self) -> Deferred[Any]:
        """End the reader thread once it has answered what it was asked."""
        return succeed(None) if self._lane is None else self._lane.close()

    def _read(self, result: Any, id: str, reading: _Reading) -> None:
        if reading.overtaken and self._lane is not None:
            reading.overtaken = False
            self._lane.put(id).addBoth(self._read, id, reading)
            return
        del self._reading[id]
        for waiter in reading.waiters:
            waiter.callback(self._overlaid(id, result))

    def _overlaid(self, id: str, result: Cookie | Failure | None) -> Cookie | Failure | None:
        return result if isinstance(result, Failure) else self._committer.overlay(id, result)

    def _load_guarded(self, ids: Sequence[str]) -> list[Cookie | None]:
        return self._breaker.call(lambda: self._load(ids))

    def _load(self, ids: Sequence[str]) -> list[Cookie | None]:
        start = perf_counter()
        found: Mapping[str, Cookie] = self._store.load(tuple(ids))
        self._measures.load_seconds.observe(perf_counter() - start)
        return [found.get(id) for id in ids]
