"""Crossbar's WAMP-WebSocket server factory over a store of ours."""

from collections.abc import Mapping
from typing import Any

from crossbar.router.protocol import WampWebSocketServerFactory
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.router.redacted import RedactedFactory
from cookietrack_plugin.router.session import gated
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.router.untracked import RevealingStore, UntrackedProtocol


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
        self._cookiestore = store if tracked else RevealingStore(store)
        self.protocol = _with_options(self, TrackedProtocol if tracked else UntrackedProtocol)
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
    The factory for a WebSocket listener, given its configuration item. Where there is no `cookie`
    in it, other listeners' cookies are hidden; where the node has none, it is Crossbar's own.

    :returns: a Deferred, as the store is opened on a thread; it fails with the store's error.
    """
    place = (transport.worker._router_session_factory, transport.cbdir, config, transport.templates)
    if "cookie" not in config:
        plain = RedactedFactory if cookie_names.known() else WampWebSocketServerFactory
        factory = plain(*place)
        factory.noisy = False
        return succeed(factory)
    cookie_names.add([CookieSettings.of(config["cookie"]).name])
    store = open_stores(transport.cbdir).for_transport(config)
    return store.addCallback(lambda opened: CookieWebSocketFactory(*place, opened))
