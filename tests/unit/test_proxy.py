"""A proxy: a session is on the router behind it when its login is stored, and not before."""

from types import SimpleNamespace

import pytest
from attrs import evolve
from autobahn.wamp.message import Abort, Challenge, Goodbye, Welcome
from autobahn.wamp.types import Accept

from cookietrack_plugin.router.gate import NOT_STORED, TOO_MANY_SESSIONS
from cookietrack_plugin.router.proxy import (
    CookieProxyController,
    with_cookie_proxy,
)
from cookietrack_plugin.testing.samples import make_cookie
from cookietrack_plugin.tracking.revocation import LOGOUT, Ended
from tests.support.protocols import make_publish

pytest_plugins = ["tests.support.proxies"]

PROTOCOL_ERROR, POLICY_VIOLATION, INTERNAL_ERROR = 1002, 1008, 1011


class TestALogin:
    def test_is_durable_before_the_router_hears_of_it(self, proxy, challenged, controller, reactor):
        proxy.store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(proxy.store.commits.reached())
        reactor.turn()
        assert controller.behind == []
        proxy.store.commits.open()
        proxy.until(challenged, Welcome)
        assert controller.joined == [True]
        assert controller.behind[0].told[0].authextra["proxy_authid"] == "joe"
        assert proxy.store.cookies[challenged.protocol._cbtid].auth.authid == "joe"

    def test_lets_nothing_through_until_welcome(self, proxy, challenged, controller, reactor):
        controller.answers = False
        challenged.authenticate()
        reactor.turn_until(lambda: controller.behind and controller.behind[0].told)
        [behind] = controller.behind
        challenged.send(make_publish("too early"), Goodbye(LOGOUT))
        challenged.authenticate()
        behind.welcome(behind.told[0])
        assert challenged.said == [Challenge, Welcome]
        challenged.publish("in time")
        assert [each.args for each in behind.told[1:]] == [["in time"]]

    def test_keeps_what_is_said_of_its_lifetime_from_client_and_router(
        self, make_proxy, controller
    ):
        said = {"cookietrack_max_age": 60, "team": 5}
        proxy = make_proxy(methods=("cookie", "scripted"))
        controller.answer = lambda _: Accept("realm1", "joe", "user", "scripted", "static", said)
        first = proxy.connect()
        first.hello(methods=("scripted",))
        proxy.until(first, Welcome)
        assert proxy.store.cookies[first.protocol._cbtid].auth.authextra == said
        again = proxy.connect(first.cookie)
        proxy.log_in(again)
        for behind in controller.behind:
            extra = behind.told[0].authextra["proxy_authextra"]
            assert (extra["team"], "cookietrack_max_age" in extra) == (5, False)

    def test_that_is_one_too_many_is_an_abort_and_unknown_to_the_router(
        self, make_proxy, controller
    ):
        proxy = make_proxy(max_sessions=1, on_max_sessions="deny")
        proxy.enter()
        client = proxy.connect()
        client.hello()
        proxy.until(client, Challenge)
        client.authenticate()
        proxy.until(client, POLICY_VIOLATION)
        assert client.said == [Challenge, Abort, POLICY_VIOLATION]
        assert client.frames[1].reason == TOO_MANY_SESSIONS
        assert controller.joined == [True]

    def test_by_a_cookie_needs_no_challenge(self, proxy, controller):
        first = proxy.enter()
        again = proxy.connect(first.cookie)
        proxy.log_in(again)
        assert again.said == [Welcome]
        assert controller.joined == [True, True]

    @pytest.mark.parametrize("cause", ["away", "ended elsewhere"])
    def test_by_a_cookie_needs_one_if_that_may_have_been_ended(self, proxy, controller, cause):
        first = proxy.enter()
        again = proxy.connect(first.cookie)
        if cause == "away":
            proxy.store.fail_loads()
        else:
            del proxy.store.cookies[again.protocol._cbtid]
        again.hello()
        proxy.until(again, Challenge)
        assert again.said == [Challenge]
        assert controller.joined == [True]

    def test_of_a_hello_that_does_not_offer_the_cookie_leaves_that_as_it_is(self, proxy):
        first = proxy.enter()
        before = dict(proxy.store.cookies)
        second = proxy.connect(first.cookie)
        second.hello("ann", ("ticket",))
        proxy.until(second, Challenge)
        second.authenticate("wrong")
        proxy.until(second, Abort)
        assert proxy.store.cookies == before

    @pytest.mark.parametrize("cause", ["taken", "away", "revoked"])
    def test_that_cannot_be_stored_is_an_abort_and_unknown_to_the_router(
        self, proxy, challenged, controller, reactor, cause
    ):
        proxy.store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(proxy.store.commits.reached())
        if cause == "taken":
            id = challenged.protocol._cbtid
            proxy.store.cookies[id] = evolve(make_cookie(1), id=id)
        elif cause == "away":
            proxy.store.fail_commits()
        else:
            proxy.revoke_user("joe")
        proxy.store.commits.open()
        proxy.until(challenged, INTERNAL_ERROR)
        assert challenged.said == [Challenge, Abort, INTERNAL_ERROR]
        assert challenged.frames[1].reason == NOT_STORED
        reactor.advance(2)
        assert challenged.transport.aborted
        assert controller.behind == []

    def test_of_a_client_that_has_left_is_unknown_to_the_router(
        self, proxy, challenged, controller, reactor
    ):
        proxy.store.commits.shut()
        challenged.authenticate()
        reactor.turn_until(proxy.store.commits.reached())
        challenged.lose()
        proxy.store.commits.open()
        reactor.turn_until(lambda: challenged.protocol._cbtid in proxy.store.cookies)
        reactor.turn()
        assert controller.behind == []


def refuse(*parts):
    raise ConnectionRefusedError("nobody listens")


class TestARouterThatIsNotThere:
    def test_is_an_abort_after_which_the_client_may_try_again(self, proxy, challenged, controller):
        controller.connecting = refuse
        challenged.authenticate()
        proxy.until(challenged, Abort)
        assert "nobody listens" in challenged.frames[1].message
        controller.connecting = controller.connect
        proxy.log_in(challenged)
        assert controller.joined == [False, True]

    def test_leaves_no_session_to_end(self, make_proxy, controller, reactor):
        proxy = make_proxy(methods=("ticket",))
        controller.connecting = refuse
        client = proxy.connect()
        client.hello()
        proxy.until(client, Challenge)
        client.authenticate()
        proxy.until(client, Abort)
        assert reactor.result_of(proxy.tracker.revoke_user("joe")) == Ended(0, 0)
        assert client.said == [Challenge, Abort]

    def test_does_not_hold_up_an_end(self, proxy, challenged, controller, reactor):
        controller.connecting = refuse
        challenged.authenticate()
        proxy.until(challenged, Abort)
        assert reactor.result_of(proxy.tracker.revoke_user("joe")) == Ended(1, 1)
        assert challenged.said == [Challenge, Abort, 1000]

    def test_is_not_remembered_when_it_has_refused_the_session(
        self, proxy, challenged, controller, reactor
    ):
        controller.answers = False
        challenged.authenticate()
        reactor.turn_until(lambda: controller.behind and controller.behind[0].told)
        controller.behind[0].say(Abort("com.example.no"))
        proxy.until(challenged, Abort)
        controller.answers = True
        assert controller._backends_by_frontend == {}
        proxy.log_in(challenged)
        assert controller.joined == [False, True]


class TestAClientOutOfTurn:
    def test_that_authenticates_before_hello_is_denied(self, proxy):
        client = proxy.connect()
        client.authenticate()
        assert client.said == [Abort]
        proxy.log_in(client)

    def test_that_has_not_joined_is_one_that_breaks_the_protocol(self, proxy, log):
        client = proxy.connect()
        client.publish("x")
        assert client.said == [PROTOCOL_ERROR]

    def test_whose_authenticator_fails_gets_an_answer(self, make_proxy, log):
        proxy = make_proxy(methods=("cookie", "scripted"))
        client = proxy.connect()
        client.hello(methods=("scripted",))
        proxy.until(client, Challenge)
        proxy.answers(ValueError("no database"))
        client.authenticate()
        assert client.said == [Challenge, INTERNAL_ERROR]

    def test_whose_authenticator_lets_it_in_needs_no_challenge(self, make_proxy):
        proxy = make_proxy(methods=("cookie", "scripted"))
        proxy.answers(Accept("realm1", "joe", "user", "scripted", "static", {"team": 5}))
        client = proxy.connect()
        client.hello(methods=("scripted",))
        proxy.until(client, Welcome)
        [record] = proxy.store.cookies.values()
        assert record.auth.authextra == {"team": 5}


class Other:
    """A session of a listener without a cookie."""

    transport = object()


class TestOtherSessions:
    """Of listeners without a cookie, and those of the proxy itself."""

    @pytest.mark.parametrize("frontend", [None, Other()])
    def test_are_connected_as_crossbar_does(self, controller, reactor, frontend):
        connected = controller.map_backend(frontend, "realm1", "joe", "user", None)
        assert reactor.result_of(connected) is controller.behind[0]._session


class TestTheProxyWorker:
    def test_is_ours_and_its_transports_are_checked(self):
        stock = {"proxy": {"class": "Crossbar's", "worker_class": None}, "router": "as it is"}
        workers = with_cookie_proxy(stock)
        assert workers["proxy"]["worker_class"] is CookieProxyController
        assert workers["proxy"]["class"] == "Crossbar's"
        assert workers["router"] == "as it is"
        assert stock["proxy"]["worker_class"] is None
        checked = []
        personality = SimpleNamespace(
            check_router_transport=lambda personality, transport: checked.append(transport)
        )
        workers["proxy"]["checkconfig_item"](personality, {"transports": ["a", "b"]})
        workers["proxy"]["checkconfig_item"](personality, {})
        assert checked == ["a", "b"]
