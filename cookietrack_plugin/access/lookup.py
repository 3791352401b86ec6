"""Reads records without blocking, and never gives an answer that a later write has made stale."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorFDSet
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.committer import Committer
from cookietrack_plugin.access.inplace import InPlace
from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.nonblocking import NonBlockingBatcher
from cookietrack_plugin.access.starter import GuardedStarter
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, INonBlockingLoad
from cookietrack_plugin.record import Cookie


class Reader(Protocol):
    """One of the three ways to load records: in place, on a thread, without waiting."""

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
    behind a breaker. With `INonBlockingLoad` that needs no thread, as long as nothing goes wrong.
    Otherwise the store is read in place.
    """

    def __init__(
        self, store: ICookieStore, committer: Committer, reactor: Any, metrics: Metrics
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._committer = committer
        self._in_flight: dict[str, _Reading] = {}
        self._breaker = Breaker(reactor.seconds)
        self._reads_in_place = not store.reads_block
        self._reader = self._make_reader(reactor)

    def refusal(self) -> StoreUnavailable | None:
        """Why look-ups are refused now: the store is away. None if they are accepted."""
        return self._breaker.refusal()

    def insist(self) -> None:
        """Let the next look-up reach a store that was away a moment ago."""
        self._breaker.close()

    def load(self, id: str) -> Deferred[Cookie | None]:
        """The record; fails as the store's `load` does."""
        if refusal := self.refusal():
            return fail(refusal)
        if self._reads_in_place and self._committer.is_idle(id):
            # Nothing can change the record before it is read: this takes a third of the time.
            return self._reader.put(id)
        waiter: Deferred[Cookie | None] = Deferred()
        reading = self._in_flight.get(id)
        if reading is None:
            reading = self._in_flight[id] = _Reading()
            reading.waiters.append(waiter)
            self._reader.put(id).addBoth(self._read, id, reading)
        else:
            reading.waiters.append(waiter)
        return waiter

    def load_at_once(self, id: str) -> Cookie | None:
        """The record, if `load` would fire with it at once; else None, as for no record."""
        if not isinstance(self._reader, InPlace) or not self._committer.is_idle(id):
            return None
        try:
            found: Cookie | None = self._reader.do(id)
        except Exception:  # noqa: BLE001 - `load` reports it
            return None
        return found

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

    def _make_reader(self, reactor: Any) -> Reader:
        store: Any = self._store
        if not store.reads_block:
            return InPlace(lambda id: self._load([id])[0])
        thread = BatchingThread("cookietrack-reader", self._load_guarded, reactor)
        if INonBlockingLoad.providedBy(store) and IReactorFDSet.providedBy(reactor):
            return NonBlockingBatcher(thread, self._make_starter(store), reactor)
        return thread

    def _make_starter(self, store: Any) -> GuardedStarter[str]:
        return GuardedStarter(
            breaker=self._breaker,
            suits=lambda id: True,
            begin=store.begin_load,
            fileno=store.load_fileno,
            finish=store.finish_load,
            unpack=_one_for_each_id,
            observe=lambda seconds, _: self._metrics.load_seconds.observe(seconds),
        )

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
        return not isinstance(result, Failure) and self._committer.stores_login(id, result)

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
        found = self._store.load(tuple(ids))
        self._metrics.load_seconds.observe(perf_counter() - start)
        return _one_for_each_id(ids, found)


def _one_for_each_id(ids: Sequence[str], found: Mapping[str, Cookie]) -> list[Cookie | None]:
    return [found.get(id) for id in ids]
