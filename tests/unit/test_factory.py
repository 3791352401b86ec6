"""The WebSocket factories of a transport: Crossbar's own, or over a store of ours."""

from types import SimpleNamespace

import pytest
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from autobahn.websocket.protocol import WebSocketServerProtocol
from crossbar.router.protocol import WampWebSocketServerFactory
from crossbar.router.session import RouterSession
from crossbar.worker.proxy import ProxyFrontendSession
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import StoreLocked
from cookietrack_plugin.router import factory as factory_module
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.factory import CookieWebSocketFactory, create_factory
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.router.redacted import RedactedFactory
from cookietrack_plugin.router.session import GatedProxySession, GatedRouterSession, gated
from tests.support.realm import SessionFactory

SESSIONS = SessionFactory()
TRANSPORT = SimpleNamespace(
    worker=SimpleNamespace(_router_session_factory=SESSIONS), cbdir="/node", templates=None
)

DEFLATE = {"deflate": {}}


@pytest.fixture
def store(make_store, make_tracked, reactor):
    return RouterCookieStore(make_tracked(make_store()).tracker, reactor, CookieSettings(), ())


@pytest.fixture
def opened(monkeypatch, store):
    """What the worker's stores are asked for, and what they answer."""
    opened = SimpleNamespace(asked=[], answer=succeed(store))

    def open_stores(node_dir):
        def for_transport(config):
            opened.asked.append((node_dir, config))
            return opened.answer

        return SimpleNamespace(for_transport=for_transport)

    monkeypatch.setattr(factory_module, "open_stores", open_stores)
    return opened


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The cookies that the worker knows of: none so far."""
    names = CookieNames()
    monkeypatch.setattr(factory_module, "cookie_names", names)
    return names


def test_without_a_cookie_item_it_hides_those_of_other_listeners(opened, names, reactor):
    names.add(["sid"])
    made = reactor.result_of(create_factory(TRANSPORT, {"type": "websocket"}))
    assert type(made) is RedactedFactory
    assert not made.noisy


def test_it_makes_its_cookie_known_to_the_others(opened, names, reactor):
    reactor.result_of(create_factory(TRANSPORT, {"cookie": {"name": "sid"}}))
    assert names.known() == {"sid"}


def test_without_a_cookie_in_the_whole_node_it_is_crossbars_own(opened, reactor):
    made = reactor.result_of(create_factory(TRANSPORT, {"type": "websocket"}))
    assert type(made) is WampWebSocketServerFactory
    assert not made.noisy
    assert opened.asked == []


def test_with_one_it_is_over_the_store_that_the_item_names(opened, store, reactor):
    config = {"type": "websocket", "cookie": {"store": {"type": "memory"}}}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    assert isinstance(made, CookieWebSocketFactory)
    assert made._cookiestore is store
    assert issubclass(made.protocol, TrackedProtocol)
    assert opened.asked == [("/node", config)]


def test_its_sessions_are_crossbars_behind_a_gate(opened, reactor):
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    session = made._factory()
    assert isinstance(session, GatedRouterSession)
    assert isinstance(session, RouterSession)
    assert session._router_factory is SESSIONS._routerFactory
    assert session.factory is SESSIONS
    assert type(made._factory()) is type(session)


def test_those_of_a_proxy_are_its_own(opened):
    routers = SimpleNamespace(worker=object())
    session = gated(SessionFactory(ProxyFrontendSession, routers))()
    assert isinstance(session, GatedProxySession)
    assert isinstance(session, ProxyFrontendSession)


def test_over_a_store_that_is_passed_through_sessions_are_crossbars_alone(opened, reactor):
    opened.answer = succeed(object())
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    assert made._factory is SESSIONS


def test_it_keeps_the_whole_configuration_though_crossbar_must_not_see_the_cookie_in_it(
    opened, reactor
):
    config = {"cookie": {"store": {"type": "of nobody"}}, "options": {"show_server_version": True}}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    assert made._config is config
    assert made.showServerVersion
    assert not made.noisy


def test_its_connections_have_its_options_and_copy_none_of_them(opened, reactor):
    options = {"max_message_size": 4711, "open_handshake_timeout": 7000, "compression": DEFLATE}
    config = {"cookie": {}, "options": options}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    protocol = made.buildProtocol(None)
    protocol.makeConnection(StringTransport())
    for name in WebSocketServerProtocol.CONFIG_ATTRS:
        assert getattr(protocol, name) is getattr(made, name), name
        assert name not in vars(protocol), name
    assert (protocol.maxMessagePayloadSize, protocol.openHandshakeTimeout) == (4711, 7)
    offer = PerMessageDeflateOffer(True, False, True, 0)
    assert isinstance(protocol.perMessageCompressionAccept([offer]), PerMessageDeflateOfferAccept)
    protocol.connectionLost(Failure(ConnectionDone()))


def test_it_waits_until_the_store_is_open(opened, store):
    opened.answer = Deferred()
    made = []
    create_factory(TRANSPORT, {"cookie": {}}).addCallback(made.append)
    assert made == []
    opened.answer.callback(store)
    assert made[0]._cookiestore is store


def test_it_fails_with_the_stores_error(opened, reactor):
    opened.answer = fail(StoreLocked("process 4711 has it"))
    with pytest.raises(StoreLocked):
        reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))


@pytest.mark.parametrize(
    ("auth", "alone"),
    [
        ({"auth": {"anonymous": {}}}, True),
        ({"auth": {"anonymous": {}, "cookie": {}}}, True),
        ({"auth": {"anonymous": {}, "ticket": {}}}, False),
        ({"auth": {"cookie": {}}}, False),
        ({"auth": {}}, False),
        ({}, False),
    ],
)
def test_anonymous_clients_are_known_by_their_cookie_where_nobody_else_can_be(
    opened, reactor, auth, alone
):
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}, **auth}))
    assert made.anonymous_alone is alone
