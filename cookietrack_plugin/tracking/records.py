"""Reads records, connections and counters, for operators and metrics. Alters nothing."""

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail

from cookietrack_plugin.access.metrics import Metrics
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.search.page import SearchPage, search_page
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.tracking.connections import Connections, TrackedConnection
from cookietrack_plugin.tracking.validity import Validity

T = TypeVar("T")


class Records:
    """The valid records of a store. On the reactor's thread; a Deferred fails as the store does."""

    def __init__(self, store: AsyncStore, validity: Validity, connections: Connections) -> None:
        self._store = store
        self._validity = validity
        self._connections = connections

    @property
    def metrics(self) -> Metrics:
        """What was counted and timed since the store was opened."""
        return self._store.metrics

    @property
    def pending(self) -> int:
        """How many changes are queued or being stored."""
        return self._store.pending

    @property
    def connected(self) -> int:
        """How many cookies have an open connection of this worker."""
        return len(self._connections)

    @property
    def connections(self) -> int:
        """How many connections this worker has, with and without a cookie."""
        return self._connections.total

    def connections_with(
        self, authid: str | None, authrealm: str | None, limit: int
    ) -> list[TrackedConnection]:
        """See `Connections.open_of`. Read them only, and in this turn of the reactor."""
        return self._connections.open_of(authid, authrealm, limit)

    @property
    def logged_in(self) -> int:
        """How many of the `connected` cookies have a login."""
        return self._connections.logged_in

    def is_away(self) -> bool:
        """Whether the store is known not to answer, so that nobody should wait for it now."""
        return self._store.refusal() is not None

    def connections_of(self, id: str) -> int:
        """How many connections of this worker a cookie has."""
        return len(self._connections.of(id))

    def find(self, id: str) -> Deferred[Cookie | None]:
        """A record by its id; None where there is none that is valid."""
        return self._store.load(id).addCallback(self._validity.valid)

    def select(
        self, authid: str | None, authrealm: str | None, limit: int
    ) -> Deferred[list[Cookie]]:
        """At most `limit` records, of `authid` and/or in `authrealm` if given."""
        valid = self._validity.snapshot()
        return self._read(
            authid,
            lambda store: list(islice(filter(valid, records(store, authid, authrealm)), limit)),
        )

    def search(self, selection: Selection, cursor: str | None, limit: int) -> Deferred[SearchPage]:
        """
        At most `limit` records of a selection from `cursor` on: see `search_page`. Fails with
        ValueError if `cursor` is not one of this store, and at once if the store is away.
        """
        if (refusal := self._store.refusal()) is not None:
            return fail(refusal)
        now, valid = self._validity.now(), self._validity.snapshot()
        if selection.expired:
            valid = _any
        return self._read(
            selection.authid,
            lambda store: search_page(store, selection, now, cursor, limit, valid),
        )

    def count(self, authid: str | None, authrealm: str | None) -> Deferred[int]:
        """How many records there are, of `authid` and/or in `authrealm` if given."""
        valid = self._validity.snapshot()
        return self._read(authid, lambda store: sum(map(valid, records(store, authid, authrealm))))

    def stat(self) -> Deferred[Mapping[str, Any]]:
        """What the store says of itself, with the number of cookies that are `connected`."""
        stat: Deferred[Mapping[str, Any]] = self._store.run(lambda store: store.stat())
        return stat.addCallback(lambda numbers: {**numbers, "connected": self.connected})

    def _read(self, authid: str | None, function: Callable[[Any], T]) -> Deferred[T]:
        """A user's records are found by an index; for any other, all are walked through."""
        read = self._store.walk if authid is None else self._store.run
        return read(function)


def _any(cookie: Cookie) -> bool:
    return True
