"""The store that the WAMP component administers, and what it asks of the store's tracker."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol, cast

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import Deferred, inlineCallbacks

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.router.stores import OpenStores
from cookietrack_plugin.tracking.events import Observer

NO_STORE = "cookietrack.error.no_store"


class Ended(Protocol):
    """How many records were deleted, and how many connections of this worker are closed."""

    @property
    def cookies(self) -> int: ...
    @property
    def connections(self) -> int: ...


class Publisher(Protocol):
    """Calls its subscribers with every event in a cookie's life."""

    def subscribe(self, observer: Observer) -> None: ...
    def unsubscribe(self, observer: Observer) -> None: ...


class Administered(Protocol):
    """The part of `Tracker` that the procedures call. It gives valid cookies alone."""

    @property
    def events(self) -> Publisher: ...
    def find(self, id: str) -> Deferred[Cookie | None]: ...
    def scan(
        self, authid: str | None, authrealm: str | None, limit: int
    ) -> Deferred[Sequence[Cookie]]: ...
    def count(self, authid: str | None, authrealm: str | None) -> Deferred[int]: ...
    def stat(self) -> Deferred[Mapping[str, Any]]: ...
    def revoke(self, ids: Collection[str]) -> Deferred[Ended]: ...
    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str]
    ) -> Deferred[Ended]: ...
    def connections_of(self, id: str) -> int: ...


class AdministeredStore:
    """
    One of the stores that a worker has open.

    :param options: its `store` item; None for the only one that is open when it is asked for.
    """

    def __init__(self, stores: OpenStores, options: Mapping[str, Any] | None) -> None:
        self._stores = stores
        self._options = options

    @inlineCallbacks
    def tracker(self) -> Any:
        """
        The store's tracker, once the store is open.

        :returns: a Deferred with an `Administered`. It fails with an ApplicationError where it is
            not clear which store is meant, and with what opening the store raises.
        """
        if self._options is not None:
            yield self._stores.shared(self._options)
            return cast(Administered, self._stores.tracker(self._options))
        trackers = list(self._stores.trackers().values())
        if len(trackers) != 1:
            raise ApplicationError(
                NO_STORE, f'name the store in "extra": this worker has {len(trackers)} open'
            )
        return cast(Administered, trackers[0])
