"""A tracked store as Crossbar's router calls it: by position, and in its own orders."""

import inspect

import pytest
from attrs import evolve
from crossbar.router.cookiestore import CookieStoreMemoryBacked
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyClass, verifyObject

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import ICookieStore, IRouterCookieStore
from cookietrack_plugin.record import Auth
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.testing.samples import make_id

NOBODY = (None, None, None, None, None)
METHODS = ("cookie", "ticket")
JOE = Auth("joe", "user", "ticket", "realm1", {"teams": ["a"]})


@pytest.fixture
def store(tracked, reactor):
    return RouterCookieStore(tracked.tracker, reactor, CookieSettings(), METHODS)


@pytest.fixture
def id(tracked):
    """A cookie with a connection."""
    return tracked.visit()[0]


@pytest.fixture
def joes(tracked):
    """One with a connection that has logged in."""
    return tracked.enter(JOE)[0]


def test_it_keeps_the_contracts(store, any_store):
    assert verifyObject(IRouterCookieStore, store)
    assert verifyClass(IRouterCookieStore, RouterCookieStore)
    assert verifyObject(ICookieStore, any_store)


CALLS = ["parse", "exists", "create", "getAuth", "setAuth", "delAuth", "addProto", "dropProto"]


@pytest.mark.parametrize("name", [*CALLS, "getProtos"])
def test_the_arguments_are_those_of_crossbars_own_store_in_its_order(name):
    ours = list(inspect.signature(getattr(RouterCookieStore, name)).parameters)
    theirs = list(inspect.signature(getattr(CookieStoreMemoryBacked, name)).parameters)
    assert ours == theirs


class TestALogin:
    def test_is_given_without_what_its_authenticator_said_of_its_lifetime(self, tracked, store):
        extra = {"cookietrack_max_age": 60, "teams": ["a"]}
        id, _ = tracked.enter(evolve(JOE, authextra=extra))
        assert store.getAuth(id)[4] == {"teams": ["a"]}

    def test_is_given_in_the_routers_order(self, store, id, joes):
        assert store.getAuth(id) == NOBODY
        assert store.getAuth(joes) == ("joe", "user", "ticket", "realm1", {"teams": ["a"]})

    def test_is_given_without_an_authextra(self, store, tracked):
        id, _ = tracked.enter(Auth("joe", "user", "ticket", "realm1"))
        assert store.getAuth(id) == ("joe", "user", "ticket", "realm1", None)

    def test_is_given_as_a_copy(self, store, tracked, joes):
        """worker/proxy.py changes the mapping that it gets."""
        given = store.getAuth(joes)[4]
        given["teams"].append("b")
        given["more"] = 2
        assert store.getAuth(joes)[4] == {"teams": ["a"]}
        assert tracked.store.cookies[joes].auth == JOE

    @pytest.mark.parametrize("login", [("ann", "user", "ticket", {}, "realm1"), NOBODY])
    def test_is_not_the_routers_to_change(self, store, tracked, id, joes, login):
        """What it wants to store is stored by then; a HELLO alone changes nothing."""
        changes = list(tracked.store.changes)
        for cookie in (id, joes, make_id(99)):
            assert store.setAuth(cookie, *login) is False
        assert store.getAuth(joes)[0] == "joe"
        assert tracked.store.changes == changes

    def test_of_an_unknown_cookie_is_none(self, store):
        assert store.getAuth(make_id(99)) == NOBODY


class TestALogout:
    def test_is_not_the_routers_either(self, store, tracked, joes):
        """The gate has begun it before the router hears of the client's GOODBYE."""
        assert store.delAuth(joes) is True
        assert store.getAuth(joes)[0] == "joe"
        assert joes in tracked.store.cookies
        assert store.delAuth("") is False

    def test_leaves_no_connections_for_the_router_to_close(self, store, joes):
        """The tracker closes them, once the deletion is durable."""
        store.delAuth(joes)
        assert store.getProtos(joes) == []


class TestACookie:
    def test_exists_until_it_is_ended_or_has_expired(self, store, tracked, id):
        assert store.exists(id) is True
        assert store.exists(make_id(99)) is False
        tracked.reactor.advance(86_400)
        assert store.exists(id) is False
        id, _ = tracked.visit()
        tracked.tracker.revoke([id])
        assert store.exists(id) is False

    def test_of_a_plain_request_has_the_id_of_its_value(self, store):
        assert store.parse({"cookie": "a=1; cbtid=abc"}) == id_of("abc")
        assert store.parse({"cookie": "a=1"}) is None
        assert store.parse({"cookie": "cbtid=abc; cbtid=def"}) is None
        assert store.parse({}) is None

    def test_is_not_made_behind_our_protocols_back(self, store):
        """Its value would stand in the router's log."""
        with pytest.raises(StoreUnavailable, match="its value would pass the router"):
            store.create()


class TestConnections:
    def test_are_counted_as_the_tracker_knows_them(self, store, tracked, id):
        tracked.visit(id)
        assert store.addProto(id, object()) == 2
        assert store.dropProto(id, object()) == 2
        assert store.getProtos(id) == []

    def test_of_an_unknown_cookie_are_none(self, store):
        assert store.addProto(make_id(99), object()) == 0
        assert store.dropProto(make_id(99), object()) == 0

    def test_without_a_cookie_are_nothing(self, store, tracked):
        loads = len(tracked.store.loaded)
        assert store.exists("") is False
        assert store.getAuth("") == NOBODY
        assert store.addProto("", object()) == 0
        assert len(tracked.store.loaded) == loads


def test_a_store_that_fails_is_not_asked_by_the_router(store, tracked, joes, id, log):
    tracked.store.fail_loads(OSError)
    tracked.store.fail_commits(OSError)
    assert store.exists(joes) is True
    assert store.getAuth(joes)[0] == "joe"
    assert store.exists(make_id(99)) is False
    assert store.setAuth(id, "ann", "user", "ticket", {}, "realm1") is False
    assert store.delAuth(id) is True
    assert log.at("error", "critical") == []


class TestATransportsView:
    def test_has_its_own_settings_and_the_same_tracker(self, store, reactor):
        view = store.for_transport({"name": "sid", "max_age": 5}, {"cookie": {}, "ticket": {}})
        assert (view.tracker, view.reactor) == (store.tracker, reactor)
        assert (view.settings.name, view._cookie_id_field) == ("sid", "sid")
        assert view.policy.max_age == 5
        assert view.authenticates
        assert (store.settings.name, store.policy.max_age) == ("cbtid", 86_400)

    def test_knows_no_cookie_that_its_own_policy_does_not(self, store, tracked, joes):
        view = store.for_transport({"max_age": 5}, METHODS)
        tracked.reactor.advance(10)
        assert (store.exists(joes), view.exists(joes)) == (True, False)
        assert view.getAuth(joes) == NOBODY

    @pytest.mark.parametrize(
        ("methods", "authenticates", "rotates"),
        [
            ((), False, False),
            (("anonymous",), False, False),
            (("anonymous-proxy", "cookie"), True, False),
            (("ticket",), False, False),
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

    def test_is_there_for_the_router_unless_it_stands_aside(self, store):
        assert store
        store.stands_aside = True
        assert not store


def test_closing_closes_the_tracker(store, tracked):
    closed = store.close()
    assert isinstance(closed, Deferred)
    tracked.reactor.result_of(closed)
    assert tracked.store.closed == 1
