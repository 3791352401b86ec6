"""Crossbar's WAMP-WebSocket server factory over a store of ours."""

from collections.abc import Mapping
from typing import Any

from crossbar.router.protocol import WampWebSocketServerFactory
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.opening import open_stores
from cookietrack_plugin.router.protocol import CheckedProtocol, TrackedProtocol


class CookieWebSocketFactory(WampWebSocketServerFactory):
    """
    The base class is built without the `cookie` item, as it would open one of Crossbar's own
    stores; then it gets ours.
    """

    noisy = False

    def __init__(
        self,
        session_factory: Any,
        node_dir: str,
        config: Mapping[str, Any],
        templates: Any,
        store: IRouterCookieStore,
    ) -> None:
        without_cookie = {key: item for key, item in config.items() if key != "cookie"}
        super().__init__(session_factory, node_dir, without_cookie, templates)
        self._config = config
        self._cookiestore = store
        tracked = isinstance(store, RouterCookieStore)
        self.protocol = TrackedProtocol if tracked else CheckedProtocol
        self.anonymous_alone = set(config.get("auth", ())) - {"cookie"} == {"anonymous"}


def create_factory(transport: Any, config: Mapping[str, Any]) -> Deferred[Any]:
    """
    The factory for a WebSocket listener, given its configuration item: Crossbar's own where there
    is no `cookie` in it.

    :returns: a Deferred, as the store is opened on a thread; it fails with the store's error.
    """
    place = (transport.worker._router_session_factory, transport.cbdir, config, transport.templates)
    if "cookie" not in config:
        plain = WampWebSocketServerFactory(*place)
        plain.noisy = False
        return succeed(plain)
    store = open_stores(transport.cbdir).for_transport(config)
    return store.addCallback(lambda opened: CookieWebSocketFactory(*place, opened))
