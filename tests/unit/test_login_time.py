"""Whether a session's login is fresh is no client's to say, on whichever transport it comes."""

from types import SimpleNamespace

import pytest
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Hello
from autobahn.wamp.role import RoleSubscriberFeatures

from cookietrack_plugin.router.claimed import unproven_extra
from cookietrack_plugin.router.freshness import freshness_of, require_fresh
from cookietrack_plugin.router.session import claiming
from tests.support.protocols import FakeSession

NOW = 1_800_000_000_000
FORGED = {
    "cookietrack_logged_in": NOW,
    "cookietrack_fresh_until": 1 << 50,
    "cookietrack_max_age": 5,
    "transport": {"http_cbtid": "x"},
    "x_cb_peer": "x",
    "nickname": "c",
    7: 8,
}
SESSIONS = SimpleNamespace(session=FakeSession, _routerFactory=None)


def session(at, until):
    return {"authextra": {"cookietrack_logged_in": at, "cookietrack_fresh_until": until}}


def heard(auth, methods):
    hello = Hello(
        "realm1", {"subscriber": RoleSubscriberFeatures()}, authmethods=methods, authextra=FORGED
    )
    made = claiming(SESSIONS, {} if auth is None else {"auth": auth})()
    made.onMessage(hello)
    return made.received[0].authextra


def test_what_is_ours_to_say_is_taken_out():
    assert unproven_extra(FORGED) == {"nickname": "c", 7: 8}
    assert unproven_extra(None) is None


@pytest.mark.parametrize(
    ("auth", "methods"),
    [
        (None, ["anonymous"]),
        (None, ["anonymous-proxy"]),
        ({"ticket": {}}, ["ticket"]),
        ({"ticket": {}}, ["cryptosign-proxy"]),
        ({"ticket": {}, "cryptosign-proxy": {}}, ["ticket", "cryptosign-proxy"]),
        ({"ticket": {}, "cryptosign-proxy": {}}, None),
    ],
)
def test_a_transport_without_a_gate_hears_none_of_it(auth, methods):
    assert heard(auth, methods) == {"nickname": "c", 7: 8}


@pytest.mark.parametrize("methods", [["cryptosign-proxy"], ["cryptosign-proxy", "anonymous-proxy"]])
def test_a_proxy_speaks_for_its_clients(methods):
    assert heard({"ticket": {}, "cryptosign-proxy": {}}, methods) == FORGED


@pytest.mark.parametrize("at", [NOW + 1, None, "text", True, 1.5])
def test_a_login_at_no_time_or_later_is_not_fresh(at):
    assert freshness_of(session(at, 1 << 50), NOW)["fresh"] is False
    with pytest.raises(ApplicationError, match="too old"):
        require_fresh(session(at, 1 << 50), NOW)


@pytest.mark.parametrize(("until", "fresh"), [(NOW + 1, True), (NOW, False), (None, None)])
def test_another_is_until_then(until, fresh):
    assert freshness_of(session(NOW, until), NOW, is_asked=True)["fresh"] is fresh


@pytest.mark.parametrize(("is_asked", "fresh"), [(True, False), (False, None)])
def test_a_session_without_our_mark_is_not_fresh_where_that_matters(is_asked, fresh):
    assert freshness_of({"authextra": None}, NOW, is_asked)["fresh"] is fresh
