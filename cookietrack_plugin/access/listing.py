"""Lists the records of users without blocking, on a thread that no other work waits for."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from cookietrack_plugin.access.breaker import Breaker
from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.paging import records

_Ask = Callable[[], list[Cookie]]


class Listing:
    """
    Called on the reactor's thread. Its own thread starts with the first call, behind a breaker.
    """

    def __init__(self, store: ICookieStore, reactor: Any) -> None:
        self._store = store
        self._reactor = reactor
        self._breaker = Breaker(reactor.seconds)
        self._thread: BatchingThread[_Ask] | None = None
        self._closed = False

    def of(
        self, authid: str, authrealm: str, wanted: Callable[[Cookie], bool]
    ) -> Deferred[list[Cookie]]:
        """The `wanted` records of a user, in no order; fails as `ICookieStore.page` does."""
        if self._closed:
            return fail(StoreUnavailable("the store is closed"))
        if refusal := self._breaker.refusal():
            return fail(refusal)
        if self._thread is None:
            self._thread = BatchingThread("cookietrack-listing", self._ask, self._reactor)
        return self._thread.put(partial(self._wanted, authid, authrealm, wanted))

    def close(self) -> Deferred[None]:
        """Answer the calls in flight, and end the thread. Idempotent."""
        self._closed = True
        return succeed(None) if self._thread is None else self._thread.close()

    def _wanted(
        self, authid: str, authrealm: str, wanted: Callable[[Cookie], bool]
    ) -> list[Cookie]:
        return list(filter(wanted, records(self._store, authid, authrealm)))

    def _ask(self, batch: Sequence[_Ask]) -> list[Any]:
        return [self._answer(ask) for ask in batch]

    def _answer(self, ask: _Ask) -> Any:
        try:
            return self._breaker.call(ask)
        except Exception:  # noqa: BLE001 - the others in the batch are answered all the same
            return Failure()
