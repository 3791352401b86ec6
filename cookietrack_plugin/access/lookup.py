"""Reads records without blocking, and never gives an answer that a later write has made stale."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.inplace import InPlace
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie


class Reader(Protocol):
    """Loads in place, or on a thread."""

    def put(self, item: str) -> Deferred[Any]:
        """Load a record."""

    def close(self) -> Deferred[None]:
        """Fire when everything that was asked for is answered."""


class _Reading:
    """A look-up of one id in flight, shared by all who want that id."""

    def __init__(self) -> None:
        self.stale = False
        self.waiters: list[Deferred[Cookie | None]] = []


class Lookup:
    """
    Records by id, with the changes that are still queued. A login that is being stored is waited
    for: until then nobody is in by it. On the reactor's thread.

    Where `store.reads_block`, a reader thread loads all ids that are asked for in one round trip,
    behind a breaker. Otherwise the store is read in place.
    """

    def __init__(
        self, store: ICookieStore, committer: Committer, reactor: Any, metrics: Metrics
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._committer = committer
        self._in_flight: dict[str, _Reading] = {}
        self._breaker = Breaker(reactor.seconds)
        self._reader: Reader = (
            BatchingThread("cookietrack-reader", self._load_guarded, reactor)
            if store.reads_block
            else InPlace(lambda id: self._load([id])[0])
        )

    def refusal(self) -> StoreUnavailable | None:
        """Why nothing is read now, as the store is known not to answer; None if it is."""
        return self._breaker.refusal()

    def insist(self) -> None:
        """The next look-up goes to the store, even if it was away a moment ago."""
        self._breaker.close()

    def load(self, id: str) -> Deferred[Cookie | None]:
        """The record; fails as the store's `load` does."""
        if refusal := self.refusal():
            return fail(refusal)
        waiter: Deferred[Cookie | None] = Deferred()
        reading = self._in_flight.get(id)
        if reading is None:
            reading = self._in_flight[id] = _Reading()
            reading.waiters.append(waiter)
            self._reader.put(id).addBoth(self._read, id, reading)
        else:
            reading.waiters.append(waiter)
        return waiter

    def invalidate(self, id: str) -> None:
        """The record has changed: a look-up in flight may not see it, and is made again."""
        if reading := self._in_flight.get(id):
            reading.stale = True

    def invalidate_all(self) -> None:
        """Any record may have changed: every look-up in flight is made again."""
        for reading in self._in_flight.values():
            reading.stale = True

    def close(self) -> Deferred[None]:
        """End the reader thread once it has answered what it was asked."""
        return self._reader.close()

    def _read(self, result: Any, id: str, reading: _Reading) -> None:
        if reading.stale:
            self._read_again(None, id, reading)
        elif self._awaits_login(id, result):
            self._committer.barrier().addCallbacks(
                self._read_again, self._deliver, (id, reading), {}, (id, reading), {}
            )
        else:
            self._deliver(result, id, reading)

    def _read_again(self, _: None, id: str, reading: _Reading) -> None:
        reading.stale = False
        self._reader.put(id).addBoth(self._read, id, reading)

    def _awaits_login(self, id: str, result: Cookie | Failure | None) -> bool:
        return self._committer.stores_login(id) and isinstance(self._overlaid(id, result), Cookie)

    def _deliver(self, result: Any, id: str, reading: _Reading) -> None:
        del self._in_flight[id]
        for waiter in reading.waiters:
            waiter.callback(self._overlaid(id, result))

    def _overlaid(self, id: str, result: Cookie | Failure | None) -> Cookie | Failure | None:
        return result if isinstance(result, Failure) else self._committer.overlay(id, result)

    def _load_guarded(self, ids: Sequence[str]) -> list[Cookie | None]:
        return self._breaker.call(lambda: self._load(ids))

    def _load(self, ids: Sequence[str]) -> list[Cookie | None]:
        start = perf_counter()
        found: Mapping[str, Cookie] = self._store.load(tuple(ids))
        self._metrics.load_seconds.observe(perf_counter() - start)
        return [found.get(id) for id in ids]
