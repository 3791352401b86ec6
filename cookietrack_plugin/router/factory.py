"""Crossbar's WAMP-WebSocket server factory over a store of ours."""

from collections.abc import Mapping
from typing import Any

from crossbar.router.protocol import WampWebSocketServerFactory
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.handshake import CheckedProtocol
from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.router.session import gated
from cookietrack_plugin.router.stores import open_stores


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
        tracked = isinstance(store, RouterCookieStore)
        make_session = gated(session_factory) if tracked else session_factory
        super().__init__(make_session, node_dir, without_cookie, templates)
        self._config = config
        self._cookiestore = store
        self.protocol = _with_options(self, TrackedProtocol if tracked else CheckedProtocol)
        self.anonymous_alone = set(config.get("auth", ())) - {"cookie"} == {"anonymous"}


def _with_options(factory: Any, protocol: Any) -> Any:
    """
    A class of `protocol` with the factory's options on it. Otherwise Autobahn copies them to every
    connection, one by one, and formats them all for a line of its debug log, be it on or off: that
    takes longer than anything else in a handshake.
    """
    options = {name: getattr(factory, name) for name in protocol.CONFIG_ATTRS}
    # A function on a class would become a method.
    settled = {k: staticmethod(v) if callable(v) else v for k, v in options.items()}
    return type(protocol.__name__, (protocol,), {**settled, "CONFIG_ATTRS": ()})


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
