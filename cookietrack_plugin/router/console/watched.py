"""The store that a console shows, and what all consoles of the worker share of it."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router.console.history import History
from cookietrack_plugin.router.console.trail import RecentTrail
from cookietrack_plugin.router.health import Readiness
from cookietrack_plugin.router.probe import Probe, Probes
from cookietrack_plugin.router.stores import OpenStores
from cookietrack_plugin.tracking.tracker import Tracker

T = TypeVar("T")


class Observation:
    """The trail and the history of one store, from the first console until the worker ends."""

    def __init__(self, tracker: Tracker, reactor: Any) -> None:
        self.trail = RecentTrail()
        self.history = History(tracker, reactor)
        tracker.audit.add(self.trail)


_observations: dict[Tracker, Observation] = {}


class WatchedStore:
    """
    A store as consoles see it. On the reactor's thread.

    :param stores: those of the worker. `options`: the `store` item.
    """

    def __init__(self, stores: OpenStores, options: Mapping[str, Any]) -> None:
        self._stores = stores
        self._key = store_key(options)
        self._probes = Probes(stores)
        self._readiness = Readiness(stores, self._probes)
        self.label = label_of(options)
        # Whether no other worker can have connections of its cookies.
        provider = find_provider(options["type"])
        self.exclusive = bool(provider.exclusive or provider.volatile)
        self.reactor = stores.reactor
        stores.awaited(options).opened().addCallbacks(lambda _: self.observation(), lambda _: None)

    def tracker(self) -> Tracker:
        """
        The store's tracker.

        :raises StoreUnavailable: it is not open.
        """
        tracker = self._stores.trackers().get(self._key)
        if tracker is None:
            raise StoreUnavailable("the store is not open")
        return tracker

    def observation(self) -> Observation:
        """The store's trail and history. Raises as `tracker` does."""
        tracker = self.tracker()
        if tracker not in _observations:
            _observations[tracker] = Observation(tracker, self.reactor)
        return _observations[tracker]

    def probe(self) -> Probe | None:
        """What asks the store for its numbers; None while it is not open."""
        return self._probes.of_open().get(self._key)

    def off_reactor(self, function: Callable[[], T]) -> Deferred[T]:
        """What `function` gives, on a thread of the reactor's pool."""
        return deferToThreadPool(self.reactor, self.reactor.getThreadPool(), function)

    def cause(self) -> str | None:
        """Why it cannot be relied on now; None if it can."""
        return self._readiness.causes().get(self._key)
