"""Crossbar's own proxy sessions, between clients in memory and routers that a test plays."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from autobahn.wamp import message
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.exception import TransportLost
from autobahn.wamp.message import Goodbye, Hello, Welcome
from autobahn.wamp.serializer import JsonSerializer
from autobahn.wamp.types import Challenge
from crossbar.worker import proxy as crossbars
from twisted.internet.defer import Deferred

from cookietrack_plugin.router.proxy import CookieProxyController
from tests.support.protocols import Router, Wire
from tests.support.reactor import FakeReactor
from tests.support.realm import ROLES, Scripted, SessionFactory

pytest_plugins = ["tests.support.routers"]


class Behind:
    """
    The transport of a proxy's session to the router behind it, and that router: `told` is what it
    was told, `joined` whether it lists the session. It answers in the same turn, if `answers`.
    """

    _serializer = JsonSerializer()
    transport_details = None
    is_closed = True

    def __init__(self, reactor: FakeReactor, frontend: Any, answers: bool) -> None:
        # Crossbar's name.
        self._proxy_other_side = frontend
        self._reactor = reactor
        self._session: Any = None
        self.transport = Wire()
        self.told: list[Any] = []
        self.joined = False
        self.answers = answers
        self._killing = False

    def open(self, session: Any) -> None:
        self._session = session
        session.onOpen(self)

    def send(self, message: Any) -> None:
        if self._session is None:
            raise TransportLost
        self.told.append(message)
        if self.answers:
            self._reactor.callLater(0, self.answer, message)

    def answer(self, message: Any) -> None:
        if isinstance(message, Hello):
            self.welcome(message)
        elif isinstance(message, Goodbye) and self.joined:
            self.joined = False
            if not self._killing:
                self.say(Goodbye())

    def kill(self, reason: str, explanation: str | None = None) -> None:
        """As `wamp.session.kill*` does, which waits for an answer."""
        self._killing = True
        self.say(Goodbye(reason, explanation))

    def welcome(self, hello: Hello) -> None:
        extra = hello.authextra
        self.joined = True
        self.say(
            Welcome(
                4711,
                ROLES,
                realm=hello.realm,
                authid=extra["proxy_authid"],
                authrole=extra["proxy_authrole"],
            )
        )

    def say(self, message: Any) -> None:
        if self._session is not None:
            self._session.onMessage(message)

    def close(self) -> None:
        self._reactor.callLater(0, self.lose)

    def lose(self) -> None:
        """The connection between the two is lost."""
        session, self._session, self.joined = self._session, None, False
        if session is not None:
            session.onClose(True)


class Controller(CookieProxyController):
    """Of a proxy worker without a node. `connecting`: connects a session to its router."""

    def __init__(self, reactor: FakeReactor) -> None:
        # Not Crossbar's, which needs a whole node.
        self._reactor = reactor
        self._node_id, self._cbdir = "node", "/node"
        self._backends_by_frontend: dict[Any, Any] = {}
        self.personality = SimpleNamespace(EXTRA_AUTH_METHODS={"scripted": Scripted})
        self.answer: Callable[[str], Any] = lambda said: Challenge("scripted")
        self.behind: list[Behind] = []
        self.connecting: Callable[[Behind, Any], Any] = self.connect
        # Whether the routers that it connects to from now on answer.
        self.answers = True

    def has_realm(self, realm: str) -> bool:
        return True

    def has_role(self, realm: str, role: str) -> bool:
        return True

    def get_backend_config(self, realm: str, role: str) -> Any:
        return {}

    def connect(self, behind: Behind, session: Any) -> None:
        self._reactor.callLater(0, behind.open, session)

    def make_backend(self, reactor: Any, controller: Any, config: Any, frontend: Any) -> Any:
        """Crossbar's `make_backend_connection`, without a network."""
        ready: Deferred[Any] = Deferred()
        session = crossbars.ProxyBackendSession()
        session.add_authenticator(create_authenticator("anonymous-proxy", authextra={}))
        session.on("connect", lambda session, transport: ready.callback(session))
        behind = Behind(self._reactor, frontend, self.answers)
        self.behind.append(behind)
        self.connecting(behind, session)
        return ready

    @property
    def joined(self) -> list[bool]:
        """Which of the sessions behind it are on the lists of their router."""
        return [each.joined for each in self.behind]


@pytest.fixture
def controller(reactor: FakeReactor, monkeypatch: pytest.MonkeyPatch) -> Controller:
    controller = Controller(reactor)
    monkeypatch.setattr(crossbars, "make_backend_connection", controller.make_backend)
    monkeypatch.setattr(crossbars, "_read_node_key", lambda *args, **kwargs: {"hex": "00" * 32})
    return controller


@pytest.fixture
def make_proxy(make_router: Callable[..., Router], controller: Controller) -> Callable[..., Router]:
    """A function that makes proxies, over stores whose commits wait for a thread."""
    names = {"_node_id": "node", "_worker_id": "proxy"}
    routers = SimpleNamespace(worker=controller, _worker=controller, **names)

    def make(**options: Any) -> Router:
        sessions = SessionFactory(crossbars.ProxyFrontendSession, routers)
        return make_router(sessions=sessions, **options)

    return make


@pytest.fixture
def proxy(make_proxy: Callable[..., Router]) -> Router:
    """A proxy, which is a router to its clients."""
    return make_proxy()


@pytest.fixture
def challenged(proxy: Router) -> Any:
    """A client of the proxy that has been asked for its ticket."""
    client = proxy.connect()
    client.hello()
    proxy.until(client, message.Challenge)
    return client
