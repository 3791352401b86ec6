"""Records as the store has them, for the command: it looks at expired ones as well."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.paging import page_after
from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.validity import Validity

T = TypeVar("T")


class StoredRecords:
    """
    The records of a store, except those that were ended here and are not deleted yet. On the
    reactor's thread; a Deferred fails as the store does.
    """

    def __init__(self, store: AsyncStore, validity: Validity, clock: Clock) -> None:
        self._store = store
        self._validity = validity
        self._clock = clock

    @property
    def is_verifiable(self) -> bool:
        """Whether the store can find damage."""
        return self._store.is_verifiable

    def load(self, id: str) -> Deferred[Cookie | None]:
        """A record by its id, None where there is none."""
        return self._store.load(id).addCallback(self._not_ended)

    def page(
        self, cursor: str | None, limit: int, authid: str | None, authrealm: str | None
    ) -> Deferred[tuple[Sequence[Cookie], str | None]]:
        """See `ICookieStore.page`. Fails with ValueError if `cursor` is not one of this store."""
        read = self._store.walk(lambda store: page_after(store, cursor, limit, authid, authrealm))
        return read.addCallback(
            lambda page: ([each for each in page[0] if self._not_ended(each)], page[1])
        )

    def expire(self, limit: int) -> Deferred[int]:
        """Remove at most `limit` records that have expired; how many were removed."""
        return self._store.expire(self._clock.now(), limit)

    def damaged(self, limit: int) -> Deferred[list[str]]:
        """At most `limit` lines of `IVerifiable.damaged`; none if the store has no such power."""
        if not self.is_verifiable:
            return succeed([])
        return self._store.walk(lambda store: list(islice(store.damaged(), limit)))

    def made(self, make: Callable[[], T]) -> Deferred[T]:
        """The result of `make` on a thread: for work that would keep the reactor busy."""
        return self._store.run(lambda _: make())

    def _not_ended(self, cookie: Cookie | None) -> Any:
        return None if cookie is None or self._validity.is_ended(cookie) else cookie
