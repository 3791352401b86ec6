"""A tracked store as Crossbar's router calls it: by position, and in its own orders."""

import inspect
from threading import Event

import pytest
from crossbar.router.cookiestore import CookieStoreMemoryBacked
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from zope.interface import implementer
from zope.interface.verify import verifyClass, verifyObject

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed, IRouterCookieStore
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.stores.memory import MemoryStore
from cookietrack_plugin.testing.samples import make_id
from tests.support.connections import FakeConnection

NOBODY = (None, None, None, None, None)
LOGIN = ("joe", "user", "ticket", {"team": 5}, "realm1")
METHODS = ("cookie", "ticket")


@pytest.fixture
def store(tracked):
    return RouterCookieStore(tracked.tracker, CookieSettings(), METHODS)


@pytest.fixture
def id(tracked):
    """A cookie with a connection."""
    return tracked.visit()[0]


def test_a_store_is_adapted_to_what_the_router_calls():
    store = IRouterCookieStore(MemoryStore(5))
    assert isinstance(store, RouterCookieStore)
    assert verifyObject(IRouterCookieStore, store)
    store.close()


def test_the_adapter_and_its_parts_keep_the_contracts(store, any_store):
    assert verifyObject(IRouterCookieStore, store)
    assert verifyClass(IRouterCookieStore, RouterCookieStore)
    assert verifyObject(ICookieStore, any_store)


@implementer(IRevocationFeed)
class TellingStore(MemoryStore):
    asked = Event()

    def revoked_since(self, cursor):
        self.asked.set()
        return [], cursor


def test_a_store_that_tells_of_revocations_is_asked_for_them():
    adapted = IRouterCookieStore(TellingStore(5))
    reactor.runUntilCurrent()
    assert TellingStore.asked.wait(30)
    adapted.close()


@pytest.mark.parametrize(
    "name",
    ["parse", "exists", "create", "getAuth", "setAuth", "delAuth", "addProto", "dropProto"],
)
def test_the_arguments_are_those_of_crossbars_own_store_in_its_order(name):
    ours = list(inspect.signature(getattr(RouterCookieStore, name)).parameters)
    theirs = list(inspect.signature(getattr(CookieStoreMemoryBacked, name)).parameters)
    assert ours == theirs


class TestALogin:
    def test_is_set_in_one_order_and_given_in_another(self, store, id):
        assert store.getAuth(id) == NOBODY
        assert store.setAuth(id, *LOGIN) is True
        assert store.getAuth(id) == ("joe", "user", "ticket", "realm1", {"team": 5})

    def test_is_stored_as_such(self, store, tracked, id):
        store.setAuth(id, *LOGIN)
        tracked.settle(id)
        assert tracked.store.cookies[id].auth == Auth(
            "joe", "user", "ticket", "realm1", {"team": 5}
        )

    def test_is_forgotten_with_five_times_none(self, store, tracked, id):
        store.setAuth(id, *LOGIN)
        assert store.setAuth(id, *NOBODY) is True
        assert store.getAuth(id) == NOBODY
        tracked.settle(id)
        assert tracked.store.cookies[id].auth is None

    @pytest.mark.parametrize("missing", range(5))
    def test_without_one_of_its_parts_is_none(self, store, id, missing):
        if missing == 3:
            return
        parts = [None if place == missing else part for place, part in enumerate(LOGIN)]
        store.setAuth(id, *parts)
        assert store.getAuth(id) == NOBODY

    def test_without_authextra_is_one(self, store, id):
        store.setAuth(id, "joe", "user", "ticket", None, "realm1")
        assert store.getAuth(id) == ("joe", "user", "ticket", "realm1", None)

    def test_keeps_what_outlives_its_connection_of_the_authextra(self, store, id):
        """On a router x_cb_peer has another port with each connection."""
        extra = {"x_cb_node": "n", "x_cb_peer": "tcp4:1.2.3.4:5", "x_cb_pid": 7, "team": 5}
        store.setAuth(id, "joe", "user", "ticket", extra, "realm1")
        assert store.getAuth(id)[4] == {"team": 5}
        assert extra["x_cb_pid"] == 7

    def test_of_a_reconnect_is_not_written_again(self, store, tracked, id):
        for port in (1, 2):
            extra = {"x_cb_peer": f"tcp4:1.2.3.4:{port}"}
            stored = store.setAuth(id, "joe", "user", "ticket", extra, "realm1")
            assert stored is (port == 1)
        assert store.getAuth(id)[4] is None

    def test_with_keys_that_are_no_strings_does_not_fail(self, store, id):
        store.setAuth(id, "joe", "user", "ticket", {5: "x", b"x_cb_": 1, "x_cb_": 2}, "realm1")
        assert store.getAuth(id)[4] == {5: "x", b"x_cb_": 1}

    def test_is_copied_on_the_way_in_and_out(self, store, tracked, id):
        """worker/proxy.py changes the mapping that it gets."""
        extra = {"teams": ["a"]}
        store.setAuth(id, "joe", "user", "ticket", extra, "realm1")
        extra["teams"].append("b")
        extra["more"] = 1
        given = store.getAuth(id)[4]
        assert given == {"teams": ["a"]}
        given["teams"].append("c")
        given["more"] = 2
        assert store.getAuth(id)[4] == {"teams": ["a"]}
        tracked.settle(id)
        assert tracked.store.cookies[id].auth.authextra == {"teams": ["a"]}

    @pytest.mark.parametrize("method", ["anonymous", "anonymous-proxy"])
    def test_that_is_anonymous_is_none(self, store, tracked, id, method):
        assert store.setAuth(id, "x", "anonymous", method, {}, "realm1") is False
        assert tracked.store.cookies[id].auth is None

    def test_is_not_kept_where_the_cookie_only_tracks(self, tracked, id):
        store = RouterCookieStore(tracked.tracker, CookieSettings(), ("ticket",))
        assert store.setAuth(id, *LOGIN) is False
        assert store.setAuth(id, *NOBODY) is False
        assert store.getAuth(id) == NOBODY
        assert not store.authenticates

    def test_on_an_unknown_id_is_none(self, store):
        assert store.setAuth(make_id(99), *LOGIN) is False
        assert store.getAuth(make_id(99)) == NOBODY


class TestALogout:
    def test_deletes_the_cookie(self, store, tracked, id):
        assert store.delAuth(id) is True
        assert not store.exists(id)
        assert store.getAuth(id) == NOBODY
        tracked.settle(id)
        assert id not in tracked.store.cookies
        assert store.delAuth(id) is False

    def test_leaves_no_connections_for_the_router_to_close(self, store, tracked, id):
        """The tracker closes them, once the deletion is durable."""
        store.delAuth(id)
        assert store.getProtos(id) == []

    def test_that_cannot_be_stored_does_not_fail_the_router(self, store, tracked, id, log):
        tracked.store.fail_commits(ValueError)
        assert store.delAuth(id) is True
        tracked.reactor.turn_until(lambda: log.at("critical"))


class TestACookie:
    def test_exists_until_it_is_ended_or_has_expired(self, store, tracked, id):
        assert store.exists(id) is True
        assert store.exists(make_id(99)) is False
        tracked.reactor.advance(86_400)
        assert store.exists(id) is False

    def test_of_a_plain_request_has_the_id_of_its_value(self, store):
        assert store.parse({"cookie": "a=1; cbtid=abc"}) == id_of("abc")
        assert store.parse({"cookie": "a=1"}) is None
        assert store.parse({}) is None

    def test_is_not_made_behind_our_protocols_back(self, store):
        """Its value would stand in the router's log."""
        with pytest.raises(StoreUnavailable, match="its value would pass the router"):
            store.create()


class TestConnections:
    def test_are_noted_and_counted(self, store, tracked, id):
        first, second = FakeConnection(), FakeConnection()
        assert store.addProto(id, first) == 2
        assert store.addProto(id, first) == 2
        assert store.addProto(id, second) == 3
        assert store.dropProto(id, first) == 2
        assert set(store.getProtos(id)) >= {second}

    def test_of_an_unknown_cookie_are_not(self, store):
        assert store.addProto(make_id(99), FakeConnection()) == 0
        assert store.dropProto(make_id(99), FakeConnection()) == 0
        assert store.getProtos(make_id(99)) == []

    def test_that_are_not_open_are_not_given_to_the_router(self, store, tracked):
        id, client = tracked.visit()
        assert store.getProtos(id) == [client]
        client.usable = False
        assert store.getProtos(id) == []

    def test_without_a_cookie_are_nothing(self, store, tracked):
        loads = len(tracked.store.loaded)
        assert store.exists("") is False
        assert store.getAuth("") == NOBODY
        assert store.addProto("", FakeConnection()) == 0
        assert store.dropProto("", FakeConnection()) == 0
        assert len(tracked.store.loaded) == loads


class TestWhenTheStoreFails:
    @pytest.fixture
    def tracked(self, make_store, make_tracked):
        return make_tracked(make_store())

    def test_nothing_leaves_into_the_routers_code(self, store, tracked, id, log):
        tracked.store.fail_loads(OSError)
        tracked.store.fail_commits(OSError)
        assert store.exists(id) is False
        assert store.getAuth(id) == NOBODY
        assert store.setAuth(id, *LOGIN) is True
        assert store.delAuth(id) is False
        assert store.addProto(id, FakeConnection()) == 0
        assert store.dropProto(id, FakeConnection()) == 0
        assert store.getProtos(id) == []
        assert log.at("critical")


class TestATransportsView:
    def test_has_its_own_settings_and_the_same_tracker(self, store):
        view = store.for_transport({"name": "sid", "max_age": 5}, {"cookie": {}, "ticket": {}})
        assert view.tracker is store.tracker
        assert (view.settings.name, view._cookie_id_field) == ("sid", "sid")
        assert view.policy.max_age == 5
        assert view.authenticates
        assert (store.settings.name, store.policy.max_age) == ("cbtid", 86_400)

    @pytest.mark.parametrize(
        ("methods", "authenticates", "rotates"),
        [
            ((), False, False),
            (("anonymous",), False, False),
            (("anonymous-proxy", "cookie"), True, False),
            (("ticket",), False, True),
            (("cookie", "anonymous", "wampcra"), True, True),
        ],
    )
    def test_keeps_logins_and_rotates_by_what_the_transport_offers(
        self, store, methods, authenticates, rotates
    ):
        view = store.for_transport({}, methods)
        assert (view.authenticates, view.policy.rotates) == (authenticates, rotates)

    def test_of_a_wrong_item_is_refused(self, store):
        with pytest.raises(ConfigError):
            store.for_transport({"length": 5}, METHODS)


def test_closing_closes_the_tracker(store, tracked):
    closed = store.close()
    assert isinstance(closed, Deferred)
    tracked.reactor.result_of(closed)
    assert tracked.store.closed == 1
