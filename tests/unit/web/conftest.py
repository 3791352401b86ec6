"""A real reactor, an upstream whose every word the test says, and sites with services."""

from collections.abc import Callable, Iterator, Mapping
from threading import Event, Semaphore
from typing import Any

import pytest
from attrs import frozen
from crossbar.common.twisted.web import Site
from twisted.web.resource import Resource, getChildForRequest

from cookietrack_plugin.config.guard import IDENTITY_HEADERS
from cookietrack_plugin.router.guard.request import Guards, let_guards_in
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.router.web import outbound, wsgirequest
from cookietrack_plugin.router.web.outbound import Upstream
from cookietrack_plugin.router.web.proxied import ProxiedResource
from tests.support.livereactor import LiveReactor, live_reactor
from tests.support.rawhttp import RawServer, Wire, connect


@frozen
class Identity:
    authid: str = "alice"
    authrole: str = "user"
    authrealm: str = "realm1"
    id: str = "cookie-id"
    names: Mapping[str, str] = IDENTITY_HEADERS


class Passing(Resource):
    """
    Stands before a service. `identity`: of the guard that lets everybody in, if there is one.
    `received`: a semaphore of requests. `gone`: set when a client leaves. `address`: what to give
    for the addresses of both ends.
    """

    isLeaf = True
    address: Any = None

    def __init__(self, inner: Any, identity: Any = None) -> None:
        super().__init__()
        self._inner = inner
        self._identity = identity
        self.received = Semaphore(0)
        self.gone = Event()

    def render(self, request: Any) -> Any:
        request.notifyFinish().addErrback(lambda _: self.gone.set())
        if self._identity is not None:
            request.cookietrack = self._identity
        if self.address is not None:
            request.client = request.host = self.address
        try:
            return getChildForRequest(self._inner, request).render(request)
        finally:
            self.received.release()


@pytest.fixture(scope="package")
def live() -> Iterator[LiveReactor]:
    with live_reactor() as reactor:
        yield reactor


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The node has one cookie."""
    for module in (outbound, wsgirequest):
        monkeypatch.setattr(module, "cookie_names", CookieNames(["cbtid"]))


@pytest.fixture
def upstream() -> Iterator[RawServer]:
    server = RawServer()
    yield server
    server.close()


class Listener:
    """A site with a service below `/app` and, behind what lets everybody in, below `/guarded`."""

    def __init__(self, live: LiveReactor, service: Any, identity: Any, context: Any) -> None:
        root = Resource()
        self.before = Passing(service)
        root.putChild(b"app", self.before)
        root.putChild(b"guarded", Passing(service, identity))
        self._live = live
        site = Site(root)
        let_guards_in(site, {}, Guards())
        self._port = live.serve(site, context)
        self.port = self._port.getHost().port

    def connect(self) -> Wire:
        return connect(self.port)

    def close(self) -> None:
        self._live.ask(self._port.stopListening)


Listen = Callable[..., Listener]


@pytest.fixture
def listen(live: LiveReactor) -> Iterator[Listen]:
    """A function that makes sites."""
    listeners = []

    def make(service: Any, identity: Any = None, context: Any = None) -> Listener:
        listeners.append(Listener(live, service, identity or Identity(), context))
        return listeners[-1]

    yield make
    for listener in listeners:
        listener.close()


@pytest.fixture
def proxy(live: LiveReactor, listen: Listen, upstream: RawServer) -> Callable[..., Listener]:
    """A function that makes sites which are proxies of the upstream, with these options."""

    def make(identity: Any = None, context: Any = None, **options: Any) -> Listener:
        config = {"host": "127.0.0.1", "port": upstream.port, **options}
        return listen(ProxiedResource(live, Upstream.of(config)), identity, context)

    return make
