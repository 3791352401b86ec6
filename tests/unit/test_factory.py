"""The WebSocket factories of a transport: Crossbar's own, or over a store of ours."""

from types import SimpleNamespace

import pytest
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from autobahn.websocket.protocol import WebSocketServerProtocol
from crossbar.router.protocol import WampWebSocketServerFactory
from crossbar.router.session import RouterSession
from crossbar.worker.proxy import ProxyFrontendSession
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError, StoreCorrupt
from cookietrack_plugin.router import factory as factory_module
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.factory import CookieWebSocketFactory, create_factory
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.router.protocol import TrackedProtocol
from cookietrack_plugin.router.redacted import RedactedFactory
from cookietrack_plugin.router.refusing import RefusingProtocol
from cookietrack_plugin.router.session import GatedProxySession, GatedRouterSession, gated
from tests.support.awaited import FakeAwaited
from tests.support.protocols import Client
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
def stores(monkeypatch, store):
    """What the worker's stores are asked for, and what they answer."""
    stores = SimpleNamespace(asked=[], audits=[], awaited=FakeAwaited(store))

    def open_stores(node_dir):
        def awaited(options):
            stores.asked.append((node_dir, options))
            return stores.awaited

        return SimpleNamespace(awaited=awaited, audit=lambda *args: stores.audits.append(args))

    monkeypatch.setattr(factory_module, "open_stores", open_stores)
    return stores


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The cookies that the worker knows of: none so far."""
    names = CookieNames()
    monkeypatch.setattr(factory_module, "cookie_names", names)
    return names


def test_without_a_cookie_item_it_hides_those_of_other_listeners(stores, names, reactor):
    names.add(["sid"])
    made = reactor.result_of(create_factory(TRANSPORT, {"type": "websocket"}))
    assert type(made) is RedactedFactory
    assert not made.noisy


def test_it_makes_its_cookie_known_to_the_others(stores, names, reactor):
    reactor.result_of(create_factory(TRANSPORT, {"cookie": {"name": "sid"}}))
    assert names.known() == {"sid"}


def test_without_a_cookie_in_the_whole_node_it_is_crossbars_own(stores, reactor):
    made = reactor.result_of(create_factory(TRANSPORT, {"type": "websocket"}))
    assert type(made) is WampWebSocketServerFactory
    assert not made.noisy
    assert stores.asked == []


def test_with_one_it_is_over_the_store_that_the_item_names(stores, store, reactor):
    config = {"type": "websocket", "cookie": {"store": {"type": "memory"}}}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    assert isinstance(made, CookieWebSocketFactory)
    assert made._cookiestore is store
    assert issubclass(made.protocol, TrackedProtocol)
    assert stores.asked == [("/node", {"type": "memory"})]
    assert stores.awaited.asked == [({"store": {"type": "memory"}}, set())]


def test_a_cookie_item_without_a_store_means_the_volatile_one(stores, reactor):
    reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    assert stores.asked == [("/node", {"type": "memory"})]


def test_an_audit_item_is_for_the_store_of_its_item(stores, reactor):
    config = {"store": {"type": "memory"}, "audit": {"filename": "a", "required": True}}
    reactor.result_of(create_factory(TRANSPORT, {"cookie": config}))
    assert stores.audits == [({"type": "memory"}, AuditSettings("file", "a", True))]
    reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    assert len(stores.audits) == 1


def test_a_wrong_cookie_item_says_so(stores, reactor):
    with pytest.raises(ConfigError, match='"length"'):
        reactor.result_of(create_factory(TRANSPORT, {"cookie": {"length": 5}}))


def test_its_sessions_are_crossbars_behind_a_gate(stores, reactor):
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    session = made._factory()
    assert isinstance(session, GatedRouterSession)
    assert isinstance(session, RouterSession)
    assert session._router_factory is SESSIONS._routerFactory
    assert session.factory is SESSIONS
    assert type(made._factory()) is type(session)


def test_those_of_a_proxy_are_its_own(stores):
    routers = SimpleNamespace(worker=object())
    session = gated(SessionFactory(ProxyFrontendSession, routers))()
    assert isinstance(session, GatedProxySession)
    assert isinstance(session, ProxyFrontendSession)


def test_over_a_store_that_is_passed_through_sessions_are_not_behind_a_gate(stores, reactor):
    stores.awaited = FakeAwaited(object())
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))
    session = made._factory()
    assert isinstance(session, SESSIONS.session)
    assert not isinstance(session, GatedRouterSession)


def test_it_keeps_the_whole_configuration_though_crossbar_must_not_see_the_cookie_in_it(
    stores, reactor
):
    config = {"cookie": {"store": {"type": "of nobody"}}, "options": {"show_server_version": True}}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    assert made._config is config
    assert made.showServerVersion
    assert not made.noisy


def test_ubjson_is_taken_only_where_the_transport_names_it(stores, reactor):
    config = {"cookie": {}}
    made = reactor.result_of(create_factory(TRANSPORT, config))
    kinds = ("cbor", "msgpack", "json")
    assert set(made.protocols) == {f"wamp.2.{each}{b}" for each in kinds for b in ("", ".batched")}
    named = reactor.result_of(create_factory(TRANSPORT, {**config, "serializers": ["ubjson"]}))
    assert set(named.protocols) == {"wamp.2.ubjson", "wamp.2.ubjson.batched"}


def test_its_connections_have_its_options_and_copy_none_of_them(stores, reactor):
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


def test_it_waits_while_it_may_show_that_the_store_is_wrong(stores, store):
    stores.awaited.begun = Deferred()
    made = []
    create_factory(TRANSPORT, {"cookie": {}}).addCallback(made.append)
    assert made == []
    stores.awaited.begun.callback(None)
    assert made[0]._cookiestore is store


def test_it_fails_with_the_stores_error(stores, reactor):
    stores.awaited.begun = fail(StoreCorrupt("no cookie store"))
    with pytest.raises(StoreCorrupt):
        reactor.result_of(create_factory(TRANSPORT, {"cookie": {}}))


class TestAFactoryWhoseStoreIsAway:
    @pytest.fixture
    def made(self, stores, reactor):
        stores.awaited = FakeAwaited(tracked=True)
        config = {"cookie": {}, "options": {"max_message_size": 4711}}
        return reactor.result_of(create_factory(TRANSPORT, config))

    def test_turns_clients_away_with_503_and_shows_no_secret(self, made, log):
        client = Client(made).shake_hands("Cookie: cbtid=issued")
        assert client.status == 503
        assert "Retry-After: 5" in client.head
        assert not [text for _, text in log.lines if "issued" in text]

    def test_serves_those_who_come_when_it_is_open(self, made, stores, store):
        early = made.buildProtocol(None)
        stores.awaited.open(store)
        assert made._cookiestore is store
        late = made.buildProtocol(None)
        assert isinstance(early, RefusingProtocol)
        assert isinstance(late, TrackedProtocol)
        assert isinstance(made._factory(), GatedRouterSession)
        assert late.maxMessagePayloadSize == 4711


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
    stores, reactor, auth, alone
):
    made = reactor.result_of(create_factory(TRANSPORT, {"cookie": {}, **auth}))
    assert made.anonymous_alone is alone
