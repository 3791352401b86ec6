"""The store that the WAMP component administers."""

from collections.abc import Mapping
from typing import Any

from autobahn.wamp.exception import ApplicationError
from twisted.internet.defer import inlineCallbacks

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router.stores import OpenStores

NO_STORE = "cookietrack.error.no_store"


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
        The store's tracker. It waits for a store that is being opened, but not for one that is
        away.

        :returns: a Deferred with a `Tracker`. It fails with an ApplicationError where it is
            not clear which store is meant, and with what opening the store raises.
        """
        if self._options is not None:
            if refusal := self._stores.awaited(self._options).refusal:
                raise refusal
            return (yield self.opened(self._options))
        trackers = list(self._stores.trackers().values())
        if not trackers and self._stores.away():
            raise StoreUnavailable("the store of this worker is away")
        if len(trackers) != 1:
            raise ApplicationError(
                NO_STORE, f'name the store in "extra": this worker has {len(trackers)} open'
            )
        return trackers[0]

    @inlineCallbacks
    def opened(self, options: Mapping[str, Any]) -> Any:
        """The tracker of the store that `options` name, however long it is away."""
        yield self._stores.awaited(options).opened()
        return self._stores.tracker(options)
