"""A HELLO: let in by a cookie that is good, without effect on it until a login succeeds."""

import pytest
from autobahn.wamp.message import Abort, Challenge, Goodbye, Welcome
from twisted.internet.defer import Deferred

from cookietrack_plugin.router.fast import traffic
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended

pytest_plugins = ["tests.support.routers"]


class TestAHelloLongAfterTheHandshake:
    @pytest.fixture(params=[False, True], ids=["quick reads", "slow reads"])
    def router(self, request, make_router):
        return make_router(reads_block=request.param)

    @pytest.fixture
    def late(self, router):
        """A client whose handshake its cookie's login has passed, and that said no HELLO yet."""
        return router.connect(router.enter().cookie)

    def test_is_let_in_by_the_cookie_that_it_came_with(self, router, late):
        late.hello("ann")
        router.until(late, Welcome)
        assert late.said == [Welcome]
        assert (late.frames[0].authid, late.frames[0].authprovider) == ("joe", "cookie")
        assert router.realm.authids == ["joe", "joe"]

    def test_is_not_let_in_by_one_that_was_logged_out_on_it(self, router, late, reactor):
        late.hello()
        router.until(late, Welcome)
        late.log_out()
        router.until(late, Goodbye)
        late.hello()
        router.until(late, Challenge)
        for name in ("id", "role", "realm", "method", "extra", "provider"):
            assert getattr(late.protocol, f"_auth{name}") is None

    def test_is_not_let_in_by_one_that_has_expired(self, make_router, reactor):
        router = make_router(max_age=10)
        late = router.connect(router.enter().cookie)
        reactor.advance(20)
        late.hello()
        router.until(late, 1000)
        assert Welcome not in late.said

    def test_is_not_let_in_as_one_who_is_no_longer_the_one_who_is_logged_in(
        self, make_router, reactor
    ):
        router = make_router(rotate=False)
        first = router.connect()
        router.log_in(first, "joe")
        late, other = router.connect(first.cookie), router.connect(first.cookie)
        # Logs in without the cookie's login.
        other.hello("ann", ("ticket",))
        router.until(other, Challenge)
        other.authenticate()
        router.until(other, Welcome)
        late.hello("ann")
        router.until(late, Challenge)
        assert late.protocol._authid is None

    def test_of_a_client_that_came_without_a_login_is_left_alone(self, router):
        client = router.connect()
        client.protocol._authid = "from a TLS certificate"
        client.hello()
        router.until(client, Challenge)
        assert client.protocol._authid == "from a TLS certificate"

    def test_that_cannot_be_looked_up_is_not_let_in_by_the_cookie(
        self, router, late, log, monkeypatch
    ):
        if router.store.reads_block:
            # As if the feed had not been read for too long.
            monkeypatch.setattr(
                "cookietrack_plugin.tracking.freshness.Freshness.is_stale", lambda *args: True
            )
        router.store.fail_loads()
        late.hello()
        router.until(late, Challenge)
        assert log.at("error")[-1].endswith("cannot be looked up: the disk is away")

    @pytest.mark.parametrize("how", ["ended", "lost"])
    def test_to_a_connection_that_is_gone_when_the_cookie_is_found_is_not_heard(
        self, router, late, reactor, monkeypatch, how
    ):
        looked_up, heard = Deferred(), []
        monkeypatch.setattr(router.tracker, "hello", lambda connection: looked_up)
        monkeypatch.setattr(late.session, "take", heard.append)
        late.hello()
        router.revoke(late) if how == "ended" else late.lose()
        looked_up.callback(None)
        reactor.turn()
        assert heard == []


WAYS = [
    (("ticket",), "ann", "wrong"),
    (("ticket",), "joe", "wrong"),
    (("ticket",), "nobody", None),
    (("anonymous",), None, None),
    (("ticket",), "ann", None),
]


class TestAHelloThatDoesNotOfferTheCookie:
    @pytest.fixture
    def router(self, make_router):
        return make_router(("cookie", "ticket", "anonymous"))

    @pytest.fixture
    def first(self, router):
        """A client in a session by the cookie."""
        return router.enter()

    @pytest.mark.parametrize(("methods", "authid", "secret"), WAYS)
    def test_changes_nothing_before_a_login_succeeds(
        self, router, first, store, reactor, methods, authid, secret
    ):
        before = store.cookies[first.protocol._cbtid]
        second = router.connect(first.cookie)
        second.hello(authid, methods)
        reactor.turn_until(lambda: second.said)
        if secret is not None:
            second.authenticate(secret)
            router.until(second, Abort)
        reactor.turn()
        assert store.cookies[first.protocol._cbtid] == before
        assert first.said == [Challenge, Welcome]
        again = router.connect(first.cookie)
        router.log_in(again)
        assert again.said == [Welcome]

    def test_leaves_the_other_connections_to_a_revocation(self, router, first, reactor):
        second = router.connect(first.cookie)
        second.hello(None, ("anonymous",))
        router.until(second, Welcome)
        revoked = reactor.result_of(router.tracker.revoke_user("joe"))
        assert revoked == Ended(cookies=1, connections=2)
        assert first.said[-2:] == second.said[-2:] == [Goodbye, 1000]
        assert router.realm.authids == []

    def test_may_log_in_the_same_user_again(self, router, first, store):
        second = router.connect(first.cookie)
        second.hello("joe", ("ticket",))
        router.until(second, Challenge)
        second.authenticate()
        router.until(second, Welcome)
        assert first.said == [Challenge, Welcome]
        assert list(store.cookies) == [first.protocol._cbtid]

    def test_may_log_in_another_identity_which_ends_the_login_and_its_sessions(
        self, router, first, store
    ):
        second = router.connect(first.cookie)
        second.hello("joe@realm2", ("ticket",))
        router.until(second, Challenge)
        second.authenticate()
        router.until(second, Welcome)
        router.until(first, 1000)
        assert first.said == [Challenge, Welcome, Goodbye, 1000]
        assert first.frames[2].reason == LOGOUT
        # It may have been planted: nobody is in by it.
        assert store.cookies == {}
        assert second.said == [Challenge, Welcome]
        assert router.realm.authids == []
        assert router.sessions._routerFactory["realm2"].authids == ["joe"]


class TestAHelloThatIsOdd:
    """Its client gets an answer, and the log no more than it is worth."""

    @pytest.fixture(autouse=True)
    def without_debug_log(self, monkeypatch):
        monkeypatch.setattr(traffic, "get_global_log_level", lambda: "info")

    @pytest.mark.parametrize(
        ("said", "code"),
        [
            (rb'[1,"\ud800",{"roles":{"caller":{}}}]', 1002),
            (rb'[1,"realm1",{"roles":{"caller":{}},"authid":"\udc00"}]', 1002),
            (rb'[1,"\ud800 #",{"roles":{"caller":{}}}]', 1011),
            (rb'[1,"a b#",{"roles":{"caller":{}}}]', 1011),
            (rb'[1,5,{"roles":{"caller":{}}}]', 1011),
            (rb'["\ud800"]', 1002),
        ],
    )
    def test_ends_its_connection(self, make_router, log, said, code):
        client = make_router().connect()
        client.protocol.onMessage(said, False)
        assert client.said == [code]
        assert [line for level, line in log.lines if level in ("critical", "error", "warn")] == []
