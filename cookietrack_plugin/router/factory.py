"""Crossbar's WAMP-WebSocket server factory over a store of ours."""

from collections.abc import Mapping
from typing import Any

from crossbar.router.protocol import WampWebSocketServerFactory
from twisted.internet.defer import inlineCallbacks
from twisted.python.failure import Failure

from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import IRouterCookieStore
from cookietrack_plugin.router.awaited import AwaitedStore
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.fast.jsontext import quick
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.router.redacted import RedactedFactory
from cookietrack_plugin.router.refusing import RefusingProtocol
from cookietrack_plugin.router.session import claiming, gated
from cookietrack_plugin.router.stores import open_stores
from cookietrack_plugin.router.untracked import RevealingStore, UntrackedProtocol

# What a transport takes that does not say so itself. UBJSON is not among them: in nine bytes it can
# ask for two billion items, which its reader makes before anybody has logged in.
SERIALIZERS = ("cbor", "msgpack", "json")


class CookieWebSocketFactory(WampWebSocketServerFactory):
    """
    Makes connections over a store of ours, and refuses them until that is open. The base class is
    made without the `cookie` item, as it would open one of Crossbar's own stores.
    """

    noisy = False
    # Autobahn's own attribute.
    _serializers: dict[str, Any]

    def __init__(
        self,
        session_factory: Any,
        node_dir: str,
        config: Mapping[str, Any],
        templates: Any,
        awaited: AwaitedStore,
    ) -> None:
        without_cookie = {"serializers": SERIALIZERS, **config}
        del without_cookie["cookie"]
        make_session = (
            gated(session_factory) if awaited.tracked else claiming(session_factory, config)
        )
        super().__init__(make_session, node_dir, without_cookie, templates)
        self._serializers = quick(self._serializers)
        self._config = config
        self.anonymous_alone = set(config.get("auth", ())) - {"cookie"} == {"anonymous"}
        if awaited.store is None:
            self.protocol = _with_options(self, RefusingProtocol)
            awaited.opened().addCallback(self._serve).addErrback(self._not_served)
        else:
            self._serve(awaited.store)

    def _not_served(self, failure: Failure) -> None:
        """The worker stops, or the store cannot serve this transport."""
        if not failure.check(StoreUnavailable):
            self.log.failure("a transport cannot be served: {log_failure.value}", failure=failure)

    def _serve(self, store: IRouterCookieStore) -> None:
        view = store.for_transport(self._config["cookie"], self._config.get("auth", {}).keys())
        tracked = isinstance(view, RouterCookieStore)
        self._cookiestore = view if tracked else RevealingStore(view)
        self.protocol = _with_options(self, TrackedProtocol if tracked else UntrackedProtocol)


def _with_options(factory: Any, protocol: Any) -> Any:
    """
    A subclass of `protocol` with the factory's options on it. Otherwise Autobahn copies them to
    every connection, one by one, and formats them for a debug line even if that log is off. That
    takes longer than anything else in a handshake.
    """
    options = {name: getattr(factory, name) for name in protocol.CONFIG_ATTRS}
    # A function on a class would become a method.
    settled = {k: staticmethod(v) if callable(v) else v for k, v in options.items()}
    return type(protocol.__name__, (protocol,), {**settled, "CONFIG_ATTRS": ()})


@inlineCallbacks
def create_factory(transport: Any, config: Mapping[str, Any]) -> Any:
    """
    The factory for a WebSocket listener, given its configuration item. Without a `cookie` item it
    hides other listeners' cookies; on a node without any it is Crossbar's own.

    :returns: a Deferred, as the store is opened on a thread. It does not wait for a store that is
        away, and fails with what is wrong with one.
    """
    place = (transport.worker._router_session_factory, transport.cbdir, config, transport.templates)
    if "cookie" not in config:
        plain = RedactedFactory if cookie_names.known() else WampWebSocketServerFactory
        sessions, *rest = place
        factory = plain(claiming(sessions, config), *rest)
        factory.noisy = False
        return factory
    settings = CookieSettings.of(config["cookie"])
    cookie_names.add([settings.name])
    stores = open_stores(transport.cbdir)
    awaited = stores.awaited(settings.store)
    yield awaited.started()
    if settings.audit is not None:
        stores.audit(settings.store, AuditSettings.of(settings.audit))
    return CookieWebSocketFactory(*place, awaited)
