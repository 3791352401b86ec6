"""The stores that a worker has open: one for each distinct `store` item, shared."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList, inlineCallbacks, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from txaio.tx import make_logger

from cookietrack_plugin.access.deferreds import fan_out
from cookietrack_plugin.access.reactor import MonotonicReactor
from cookietrack_plugin.access.servertime import TimeSample, sample_time
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    IRevocationFeed,
    IRouterCookieStore,
    IServerTime,
)
from cookietrack_plugin.router import logbridge
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.fast import stalls
from cookietrack_plugin.tracking.clock import LocalClock, ServerClock
from cookietrack_plugin.tracking.tracker import Tracker


class OpenStores:
    """Opens stores on a thread, and closes them all before the worker's reactor stops."""

    log = make_logger()

    def __init__(self, reactor: Any, node_dir: str) -> None:
        self._reactor = reactor
        self._node_dir = node_dir
        self._stores: dict[str, Deferred[IRouterCookieStore]] = {}
        reactor.addSystemEventTrigger("before", "shutdown", self.close)

    def trackers(self) -> dict[str, Tracker]:
        """The trackers of the stores that are open, by the stores' items as JSON."""
        opened = {key: store.result for key, store in self._stores.items() if store.called}
        return {
            key: store.tracker
            for key, store in opened.items()
            if isinstance(store, RouterCookieStore)
        }

    def tracker(self, options: Mapping[str, Any]) -> Tracker:
        """The tracker of a store that is open."""
        return self.trackers()[store_key(options)]

    @inlineCallbacks
    def for_transport(self, config: Mapping[str, Any]) -> Any:
        """
        The store that a transport's `cookie` item names, as this transport sees it.

        :returns: a Deferred with an `IRouterCookieStore`. It fails with the provider's error.
        """
        cookie = config["cookie"]
        store = yield self.shared(CookieSettings.of(cookie).store)
        return store.for_transport(cookie, config.get("auth", {}).keys())

    def close(self) -> Deferred[Any]:
        """Close every store. Fires when all that was queued is stored."""
        closing = [
            fan_out(opened).addCallback(lambda store: store.close()).addErrback(self._not_closed)
            for opened in self._stores.values()
        ]
        return DeferredList(closing)

    def shared(self, options: Mapping[str, Any]) -> Deferred[IRouterCookieStore]:
        """The store that a `store` item names, opened if it is not open yet."""
        key = store_key(options)
        opened = self._stores.get(key)
        if opened is None:
            opened = self._stores[key] = self._open(options)
            opened.addErrback(self._not_opened, key, options["type"])
        return fan_out(opened)

    def _open(self, options: Mapping[str, Any]) -> Deferred[Any]:
        opened = maybeDeferred(find_provider, options["type"]).addCallback(
            lambda provider: deferToThreadPool(
                self._reactor,
                self._reactor.getThreadPool(),
                _open_prepared,
                provider,
                options,
                self._node_dir,
            )
        )
        return opened.addCallback(self._track, options)

    def _track(self, opened: "_Opened", options: Mapping[str, Any]) -> IRouterCookieStore:
        stalls.freeze()
        if IRouterCookieStore.providedBy(opened.store):
            return opened.store
        tracker = Tracker(
            AsyncStore(opened.store, self._reactor),
            self._reactor,
            LocalClock() if opened.time is None else ServerClock(opened.time),
            opened.position,
            f"the cookie store {label_of(options)}",
        )
        return RouterCookieStore(tracker, self._reactor, CookieSettings(), ())

    def _not_opened(self, failure: Any, key: str, store_type: str) -> Any:
        # So that a transport that is started later tries again.
        del self._stores[key]
        # The type alone: other options may hold a password.
        self.log.error(
            "cookie store of type {type} cannot be opened: {cause}",
            type=store_type,
            cause=failure.value,
        )
        return failure

    def _not_closed(self, failure: Any) -> None:
        self.log.error("a cookie store cannot be closed: {cause}", cause=failure.value)


@frozen
class _Opened:
    """
    A store, and what has to be known before the first connection: its server's time, and the
    position in its feed, where it has them.
    """

    store: Any
    time: TimeSample | None = None
    position: Any = None


def _open_prepared(
    provider: ICookieStoreProvider, options: Mapping[str, Any], node_dir: str
) -> _Opened:
    """On a thread."""
    stalls.widen()
    store: Any = provider.open(options, node_dir)
    if not any(kind.providedBy(store) for kind in (ICookieStore, IRouterCookieStore)):
        raise TypeError(f"expected an ICookieStore from its provider, found {store!r}")
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
        _processes[node_dir] = OpenStores(MonotonicReactor(reactor), node_dir)
    return _processes[node_dir]
