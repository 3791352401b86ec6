"""Crossbar's listening transports, with WebSocket listeners over stores of ours."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossbar.worker.transport import RouterTransport, RouterWebTransport
from twisted.internet.defer import inlineCallbacks
from twisted.python.failure import Failure

from cookietrack_plugin.config.listeners import cookie_names_of, in_transport
from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.router.factory import create_factory
from cookietrack_plugin.router.guard.request import Guards, let_guards_in
from cookietrack_plugin.router.names import cookie_names
from cookietrack_plugin.router.prepared import Prepared
from cookietrack_plugin.router.redacted import RedactedTesteeProtocol
from cookietrack_plugin.router.session import claiming
from cookietrack_plugin.router.universal import UniversalFactory
from cookietrack_plugin.router.webservice import prepare


class _CookieListener(RouterTransport):
    """Makes the WebSocket factories itself and leaves the rest to the class it is mixed into."""

    _config: dict[str, Any]
    # Crossbar's own.
    _worker: Any

    def start(self, *args: Any, **kwargs: Any) -> Any:
        # All names first: a path without a cookie may come before one with a cookie.
        cookie_names.add(cookie_names_of(in_transport(self.config)))
        return super().start(*args, **kwargs).addErrback(_without_stack)

    @inlineCallbacks
    def _create_factory(self, create_paths: bool = False, ignore: Sequence[str] = ()) -> Any:
        if self.type == "websocket":
            return (yield create_factory(self, self.config)), None
        if self.type == "universal" and (cookie_names.known() or "websocket" in self.config):
            return (yield self._create_universal(create_paths, ignore))
        factory, root = yield super()._create_factory(create_paths, list(ignore))
        if self.type == "rawsocket":
            self._distrust(factory, self.config)
        if self.type == "websocket.testee" and cookie_names.known():
            factory.protocol = RedactedTesteeProtocol
        return factory, root

    def _distrust(self, rawsocket: Any, config: Mapping[str, Any]) -> None:
        """Drop what the clients of a RawSocket factory of Crossbar's say of their logins."""
        rawsocket._factory = claiming(self._worker._router_session_factory, config)

    @inlineCallbacks
    def _create_universal(self, create_paths: bool, ignore: Sequence[str]) -> Any:
        websockets = {}
        for path, config in self.config.get("websocket", {}).items():
            websockets[path] = yield create_factory(self, config)
        whole = self._config
        self._config = {key: item for key, item in whole.items() if key != "websocket"}
        try:
            rest, root = yield super()._create_factory(create_paths, list(ignore))
        finally:
            self._config = whole
        if rest._rawsocket_factory is not None:
            self._distrust(rest._rawsocket_factory, self.config["rawsocket"])
        factory = UniversalFactory(
            rest._web_factory, websockets, rest._rawsocket_factory, rest._mqtt_factory
        )
        return factory, root


def _without_stack(failure: Failure) -> Failure:
    """Make Crossbar log an error of ours in one line, and not with its traceback."""
    error = failure.value
    if not isinstance(error, CookieTrackError):
        return failure
    error.__cause__, error.__suppress_context__ = None, True
    return Failure(error.with_traceback(None))


class CookieTransport(_CookieListener, RouterTransport):
    """A transport without a Web part."""


class CookieWebTransport(_CookieListener, RouterWebTransport):
    """
    A Web transport, or a universal one with a Web part. `prepared` are services that are there from
    the first connection on, until Crossbar starts them. `guards`: see `GuardedRequest`.
    """

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.prepared: dict[str, Prepared] = {}
        self.guards = Guards()

    @inlineCallbacks
    def _create_web_factory(self, *args: Any) -> Any:
        factory, root = yield super()._create_web_factory(*args)
        web = self.config if self.type == "web" else self.config["web"]
        let_guards_in(factory, self.config.get("options", {}), self.guards)
        self.prepared = yield prepare(self, web.get("paths", {}), root)
        return factory, root


def create_router_transport(worker: Any, transport_id: str, config: Any) -> RouterTransport:
    """Replaces Crossbar's function of this name, for routers and for proxies."""
    has_web = config["type"] == "web" or (config["type"] == "universal" and config.get("web"))
    return (CookieWebTransport if has_web else CookieTransport)(worker, transport_id, config)
