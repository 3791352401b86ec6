"""The stores that a worker has open: one for each distinct `store` item, shared."""

from collections.abc import Mapping
from contextlib import suppress
from json import loads
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from txaio.tx import make_logger

from cookietrack_plugin.access.reactor import MonotonicReactor
from cookietrack_plugin.access.servertime import TimeSample, sample_time
from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IRevocationFeed,
    IRouterCookieStore,
    IServerTime,
)
from cookietrack_plugin.router import logbridge
from cookietrack_plugin.router.awaited import AwaitedStore
from cookietrack_plugin.router.control.listener import listen
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.fast import stalls
from cookietrack_plugin.router.telemetry import make_tracker
from cookietrack_plugin.router.trails import Trails
from cookietrack_plugin.tracking.clock import LocalClock, ServerClock
from cookietrack_plugin.tracking.tracker import Tracker


class OpenStores:
    """Opens stores on a thread, and closes them all before the worker's reactor stops."""

    log = make_logger()

    def __init__(self, reactor: Any, node_dir: str) -> None:
        self.reactor = reactor
        self._node_dir = node_dir
        self._stores: dict[str, AwaitedStore] = {}
        self._trails = Trails(reactor, node_dir)
        self._is_closed = False
        reactor.addSystemEventTrigger("before", "shutdown", self.close)

    def trackers(self) -> dict[str, Tracker]:
        """The trackers of the stores that are open, by the stores' items as JSON."""
        opened: list[tuple[str, Any]] = [
            (key, awaited.store) for key, awaited in self._stores.items()
        ]
        return {key: store.tracker for key, store in opened if isinstance(store, RouterCookieStore)}

    def away(self) -> list[str]:
        """The items of the stores that could not be opened yet, as JSON."""
        return [key for key, awaited in self._stores.items() if awaited.refusal]

    def causes(self) -> dict[str, str | None]:
        """
        Why each store cannot be relied on now, as far as that is known without asking it; None for
        one that can. By the stores' items as JSON.
        """
        return {key: self._cause(awaited) for key, awaited in self._stores.items()}

    def tracker(self, options: Mapping[str, Any]) -> Tracker:
        """The tracker of a store that is open."""
        return self.trackers()[store_key(options)]

    def awaited(self, options: Mapping[str, Any]) -> AwaitedStore:
        """
        The store that a `store` item names. The first call begins to open it.

        :raises UnknownStoreType: nobody provides its type.
        :raises StoreUnavailable: the worker is about to stop.
        """
        if self._is_closed:
            raise StoreUnavailable("the stores of this worker are closed")
        key = store_key(options)
        if key not in self._stores:
            provider = find_provider(options["type"])
            awaited = self._stores[key] = AwaitedStore(
                # The type alone: other options may hold a password.
                f"cookie store of type {options['type']}",
                provider.opens is ICookieStore,
                lambda: self._open(provider, options),
                self.reactor,
            )
            # A transport that is started later tries again.
            awaited.started().addErrback(lambda _: self._stores.pop(key))
            return awaited
        return self._stores[key]

    def audit(self, options: Mapping[str, Any], settings: AuditSettings) -> None:
        """Write an audit log of a store, from its opening on."""
        trail = self._trails.trail(settings)

        def begin(store: Any) -> None:
            store.tracker.audit.add(trail)

        # `AwaitedStore` has logged a store that cannot be opened.
        self.awaited(options).opened().addCallbacks(begin, lambda _: None)

    def close(self) -> Deferred[Any]:
        """Close every store. Fires when all that was queued is stored."""
        self._is_closed = True
        closed = DeferredList(
            [
                awaited.close().addErrback(self._not_closed, key)
                for key, awaited in list(self._stores.items())
            ]
        )
        return closed.addCallback(lambda _: self._trails.close())

    def _cause(self, awaited: AwaitedStore) -> str | None:
        store: Any = awaited.store
        if self._is_closed:
            return "the worker stops"
        if store is None:
            return str(awaited.refusal or "the store is being opened")
        return store.tracker.health.cause() if isinstance(store, RouterCookieStore) else None

    def _open(self, provider: ICookieStoreProvider, options: Mapping[str, Any]) -> Deferred[Any]:
        pool = self.reactor.getThreadPool()
        opened = deferToThreadPool(
            self.reactor, pool, _open_prepared, provider, options, self._node_dir
        )
        return opened.addCallback(self._track_or_close, options)

    def _track_or_close(self, opened: "_Opened", options: Mapping[str, Any]) -> Any:
        try:
            return self._track(opened, options)
        except Exception as error:  # noqa: BLE001 - a thread that cannot be started, for example
            failed = StoreUnavailable(f"the store cannot be used yet: {error}")
            pool = self.reactor.getThreadPool()
            closed = deferToThreadPool(self.reactor, pool, opened.store.close)
            return closed.addBoth(lambda _: Failure(failed))

    def _track(self, opened: "_Opened", options: Mapping[str, Any]) -> IRouterCookieStore:
        stalls.freeze()
        if IRouterCookieStore.providedBy(opened.store):
            return opened.store
        label = label_of(options)
        tracker = make_tracker(
            label,
            opened.store,
            self.reactor,
            LocalClock() if opened.time is None else ServerClock(opened.time),
            opened.position,
            f"the cookie store {label}",
        )
        for trail in self._trails.of_store(options):
            tracker.audit.add(trail)
        return RouterCookieStore(tracker, self.reactor, CookieSettings(), ())

    def _not_closed(self, failure: Any, key: str) -> None:
        text = "the cookie store {store} cannot be closed: {cause}"
        self.log.error(text, store=label_of(loads(key)), cause=failure.value)


@frozen
class _Opened:
    """
    A store, and what must be known before its first connection: its server's time and the position
    in its feed, if it has them.
    """

    store: Any
    time: TimeSample | None = None
    position: Any = None


def _open_prepared(
    provider: ICookieStoreProvider, options: Mapping[str, Any], node_dir: str
) -> _Opened:
    """Open a store, on a thread."""
    stalls.widen()
    store: Any = provider.open(options, node_dir)
    kind: Any = provider.opens
    if not kind.providedBy(store):
        with suppress(Exception):
            store.close()
        raise TypeError(f"expected an {kind.__name__}, as its provider says, found {store!r}")
    try:
        time = sample_time(store) if IServerTime.providedBy(store) else None
        feeds = IRevocationFeed.providedBy(store)
        return _Opened(store, time, store.revoked_since(None)[1] if feeds else None)
    except BaseException:
        store.close()
        raise


_processes: dict[str, OpenStores] = {}


def open_stores(node_dir: str) -> OpenStores:
    """The stores of this process, which is one worker of the node in `node_dir`."""
    if node_dir not in _processes:
        logbridge.install()
        stores = _processes[node_dir] = OpenStores(MonotonicReactor(reactor), node_dir)
        listen(stores, reactor, node_dir)
    return _processes[node_dir]
