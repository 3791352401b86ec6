"""The WAMP procedures, without WAMP and without a tracker."""

import re
from types import SimpleNamespace

import pytest
from attrs import evolve
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import CloseDetails, ComponentConfig, SessionDetails
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.audit.entry import Actor, By
from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.router import component as component_module
from cookietrack_plugin.router.administered import AdministeredStore
from cookietrack_plugin.router.component import CookieAdministration
from cookietrack_plugin.router.freshness import with_login_time
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.tracking.events import Kind
from tests.support.administered import TIME, FakeStores, FakeTracker

LMDB = {"type": "lmdb", "path": ".cookies"}
PHONE, LAPTOP, OTHER = "p" * 24, "l" * 24, "o" * 24
JOE = Auth("joe", "user", "ticket", "realm1", {"token": "secret"})
COOKIES = [
    Cookie(PHONE, 1, 9, 2, "tcp4:192.0.2.7:1", "Firefox", JOE),
    Cookie(LAPTOP, 1, 9, 2, auth=JOE),
    # Another user, and another user of the same name.
    Cookie(OTHER, 1, 9, 2, auth=Auth("mary", "user", "ticket", "realm1")),
    Cookie("r" * 24, 1, 9, 2, auth=evolve(JOE, authrealm="realm2")),
    Cookie("a" * 24, 1, 9, 2),
]
PROCEDURES = {
    "cookietrack.list",
    "cookietrack.get",
    "cookietrack.count",
    "cookietrack.stat",
    "cookietrack.revoke",
    "cookietrack.revoke_by_authid",
    "cookietrack.my.list",
    "cookietrack.my.freshness",
    "cookietrack.my.revoke",
    "cookietrack.my.revoke_others",
}
NOT_AUTHORIZED = ApplicationError(ApplicationError.NOT_AUTHORIZED, "not authorized")


class Administration(CookieAdministration):
    """
    The component on a router of the test's. `refused`: what the router answers by URI. `left`: with
    what it has left.
    """

    def __init__(self, extra):
        super().__init__(ComponentConfig("realm1", {"cbdir": "/node", **extra}))
        self.refused = {}
        self.registered = {}
        self.published = []
        self.left = None
        self.session = {"transport": {"http_cbtid": PHONE}}

    def is_attached(self):
        return self.left is None

    def register(self, procedure, name, options):
        if name in self.refused:
            return fail(self.refused[name])
        self.registered[name] = procedure
        return succeed(None)

    def call(self, name, *args):
        if name in self.refused:
            return fail(self.refused[name])
        assert name == "wamp.session.get"
        return succeed(self.session)

    def publish(self, topic, payload, options):
        assert options.acknowledge
        if "publish" in self.refused:
            return fail(self.refused["publish"])
        self.published.append((topic, payload))
        return succeed(None)

    def leave(self, reason, message):
        self.left = reason, message
        self.onLeave(CloseDetails(reason, message))


class Worker:
    """A worker with stores, in which components join."""

    def __init__(self, monkeypatch, reactor):
        self.tracker = FakeTracker(COOKIES)
        self.stores = FakeStores(LMDB, self.tracker)
        self._reactor = reactor
        monkeypatch.setattr(component_module, "open_stores", lambda node_dir: self.stores)
        monkeypatch.setattr(component_module, "reactor", reactor)

    def make(self, **extra):
        return Administration(extra)

    def join(self, component):
        """What the component's `onJoin` gives; None as long as it has not ended."""
        details = SessionDetails("realm1", 1, authid="component", authrole="cookies")
        ended = []
        component.onJoin(details).addCallback(lambda _: ended.append("ready"))
        self._reactor.turn()
        return ended[0] if ended else None

    def joined(self, **extra):
        component = self.make(**extra)
        assert self.join(component) == "ready"
        return component


@pytest.fixture
def worker(monkeypatch, reactor):
    return Worker(monkeypatch, reactor)


@pytest.fixture
def call(worker):
    """Calls a procedure of a component, as `caller`."""
    component = worker.joined(store=LMDB)

    def call(name, *args, caller="joe", **kwargs):
        details = SimpleNamespace(caller=7, caller_authid=caller)
        answers = []
        answer = component.registered[f"cookietrack.{name}"](*args, details=details, **kwargs)
        answer.addBoth(answers.append)
        [found] = answers
        if hasattr(found, "raiseException"):
            found.raiseException()
        return found

    call.component = component
    return call


def refusal(call, *args, **kwargs):
    with pytest.raises(ApplicationError) as refused:
        call(*args, **kwargs)
    return refused.value.error, refused.value.args[0]


# -- joining ---------------------------------------------------------------------------------------


def test_every_procedure_is_registered(worker):
    assert set(worker.joined(store=LMDB).registered) == PROCEDURES


@pytest.mark.parametrize("name", sorted(PROCEDURES))
def test_a_procedure_that_cannot_be_registered_ends_the_component(worker, log, name):
    component = worker.make(store=LMDB)
    component.refused[name] = NOT_AUTHORIZED
    assert worker.join(component) is None
    told = (
        f'the component cannot register {name}: its role "cookies" in realm "realm1" lacks'
        ' "allow": {"register": true} for "cookietrack."'
    )
    assert component.left == ("cookietrack.error.component_not_started", told)
    assert log.at("error", "warn", "critical") == [f"cookies cannot be administered: {told}"]
    assert worker.stores.opened == []


def test_another_cause_is_told_as_it_is(worker, log):
    component = worker.make(store=LMDB)
    component.refused["cookietrack.get"] = ApplicationError(
        "wamp.error.procedure_already_exists", "already registered"
    )
    assert worker.join(component) is None
    assert log.at("error") == [
        "cookies cannot be administered: the component cannot register cookietrack.get:"
        " wamp.error.procedure_already_exists: already registered"
    ]


def test_the_permission_that_users_need_is_missed_when_it_joins(worker, log):
    component = worker.make(store=LMDB)
    component.refused["wamp.session.get"] = NOT_AUTHORIZED
    assert worker.join(component) == "ready"
    assert log.at("warn") == [
        "users cannot see their devices: the component cannot call wamp.session.get: its role"
        ' "cookies" in realm "realm1" lacks "allow": {"call": true} for "wamp.session.get"'
    ]


@pytest.mark.parametrize("extra", [{"stroe": LMDB}, {"store": {"type": "lmbd"}}, {"store": 7}])
def test_a_wrong_extra_is_refused_when_it_is_started_at_run_time(extra):
    with pytest.raises(ConfigError):
        CookieAdministration.check_config(None, {"cbdir": "/node", **extra})
    CookieAdministration.check_config(None, {"cbdir": "/node", "store": LMDB})


def test_a_store_that_is_wrong_ends_the_component(worker, log):
    worker.stores.opening = fail(StoreCorrupt("no cookie store"))
    component = worker.joined(store=LMDB)
    assert component.left == ("cookietrack.error.component_not_started", "no cookie store")
    assert log.at("error") == ["cookies cannot be administered: no cookie store"]


def test_calls_do_not_wait_for_a_store_that_is_away_and_are_answered_when_it_has_come(worker):
    worker.stores.opening = Deferred()
    worker.stores.refusal = StoreUnavailable("no answer")
    component = worker.joined(store=LMDB)
    assert component.left is None
    answers = []
    component.registered["cookietrack.stat"](details=None).addBoth(answers.append)
    assert answers[0].value.error == "cookietrack.error.store_unavailable"
    worker.stores.refusal = None
    worker.stores.opening.callback(None)
    component.registered["cookietrack.stat"](details=None).addCallback(answers.append)
    assert answers[1] == {"cookies": 3, "connected": 2}


def test_events_are_published_from_a_store_that_came_late(worker):
    worker.stores.opening = Deferred()
    worker.stores.refusal = StoreUnavailable("no answer")
    component = worker.joined(store=LMDB)
    assert worker.tracker.events.observers == []
    worker.stores.opening.callback(None)
    assert component._publish in worker.tracker.events.observers


def test_the_only_store_may_be_away():
    stores = FakeStores(LMDB)
    stores.refusal = StoreUnavailable("no answer")
    assert tracker_of(stores, None).check(StoreUnavailable)


def test_a_call_waits_for_the_store(worker):
    worker.stores.opening = Deferred()
    component = worker.joined(store=LMDB)
    answers = []
    component.registered["cookietrack.count"]("joe", details=None).addCallback(answers.append)
    assert answers == []
    worker.stores.opening.callback(None)
    assert answers == [41]


# -- which store -----------------------------------------------------------------------------------


def tracker_of(stores, options):
    found = []
    AdministeredStore(stores, options).tracker().addBoth(found.append)
    return found[0]


def test_without_a_store_it_is_the_only_one_that_is_open():
    only = FakeTracker()
    assert tracker_of(FakeStores(None, only), None) is only


@pytest.mark.parametrize("count", [0, 2])
def test_without_a_store_it_has_to_be_clear_which_is_meant(count):
    failure = tracker_of(FakeStores(None, *[FakeTracker() for _ in range(count)]), None)
    assert failure.value.error == "cookietrack.error.no_store"
    assert failure.value.args == (f'name the store in "extra": this worker has {count} open',)


# -- operators -------------------------------------------------------------------------------------


def test_cookies_are_listed_with_their_connections_and_without_their_authextra(worker, call):
    [phone, laptop] = call("list", "joe", "realm1", 10)
    assert worker.tracker.calls == [("select", "joe", "realm1", 10)]
    assert phone == {
        "id": PHONE,
        "created": 1,
        "expires": 9,
        "logged_in": None,
        "seen": 2,
        "peer": "tcp4:192.0.2.7:1",
        "user_agent": "Firefox",
        "authid": "joe",
        "authrole": "user",
        "authmethod": "ticket",
        "authrealm": "realm1",
        "connections": 24,
    }
    assert laptop["user_agent"] is None
    assert len(call("list")) == len(COOKIES)
    assert worker.tracker.calls[-1] == ("select", None, None, 100)


def test_with_a_cursor_or_a_filter_a_list_is_a_page(worker, call):
    page = call("list", "joe", "realm1", cursor=None)
    assert [each["id"] for each in page["cookies"]] == [PHONE, LAPTOP]
    assert (page["looked_at"], page["cursor"]) == (5, "next")
    assert page["cookies"] == call("list", "joe", "realm1")
    assert worker.tracker.calls[0] == ("search", Selection("joe", "realm1"), None, 100)
    given = {"authrole": "user", "peer": "192.0.2.0/24", "device": "fire", "idle": "0s"}
    found = call("list", limit=7, cursor="next", **given)
    assert [each["id"] for each in found["cookies"]] == [PHONE]
    assert worker.tracker.calls[-1] == ("search", Selection.parse(given), "next", 7)
    assert call("list", anonymous=True)["cookies"][0]["id"] == "a" * 24


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"cursor": 7}, "cursor: expected a string or null, found an integer"),
        ({"cursor": "strange"}, "cursor: expected null, or what the page before has"),
        ({"idle": "7"}, "idle: expected a number with s, m, h, d or w"),
        ({"expired": True}, "got an unexpected keyword argument 'expired'"),
        ({"rolle": "user"}, "got an unexpected keyword argument 'rolle'"),
        ({"cursor": None, "limit": 10_001}, "limit: expected an integer from 1 to 10000"),
    ],
)
@pytest.mark.parametrize("name", ["list", "my.list"])
def test_what_is_wrong_in_a_search_is_told(worker, call, name, given, words):
    error, told = refusal(call, name, **given)
    assert error == "wamp.error.invalid_argument"
    assert re.match(words, told)


def test_users_page_through_their_own_devices_alone(worker, call):
    page = call("my.list", cursor=None, limit=1)
    assert [(each["id"], each["current"]) for each in page["cookies"]] == [(PHONE, True)]
    assert page["cursor"] == "next"
    assert worker.tracker.calls == [("search", Selection("joe", "realm1"), None, 1)]
    assert [each["id"] for each in call("my.list", device="firefox")["cookies"]] == [PHONE]
    for other in ({"authid": "mary"}, {"authrealm": "realm2"}, {"authid": None}):
        error, told = refusal(call, "my.list", cursor=None, **other)
        assert error == "wamp.error.invalid_argument"
        assert told.startswith("got an unexpected keyword argument 'auth")


def test_one_cookie_is_got_by_its_id(call):
    assert call("get", OTHER)["authid"] == "mary"
    assert call("get", "x" * 24) is None


def test_cookies_are_counted(worker, call):
    assert call("count", authrealm="realm1") == 41
    assert worker.tracker.calls == [("count", None, "realm1")]


def test_all_cookies_are_counted_without_a_scan(worker, call):
    assert call("count") == 3
    assert worker.tracker.calls == [("stat",)]


def test_the_numbers_are_those_of_the_tracker(call):
    assert call("stat") == {"cookies": 3, "connected": 2}


@pytest.mark.parametrize(
    ("args", "asked", "answer"),
    [
        (("revoke", PHONE), ("revoke", [PHONE]), {"cookies": 1, "connections": 2}),
        (("revoke", [PHONE, OTHER]), ("revoke", [PHONE, OTHER]), {"cookies": 2, "connections": 2}),
        (
            ("revoke_by_authid", "joe"),
            ("revoke_user", "joe", None, frozenset()),
            {"cookies": 5, "connections": 6},
        ),
        (
            ("revoke_by_authid", "joe", "realm1"),
            ("revoke_user", "joe", "realm1", frozenset()),
            {"cookies": 5, "connections": 6},
        ),
    ],
)
def test_what_is_revoked_is_counted(worker, call, args, asked, answer):
    assert call(*args) == answer
    assert worker.tracker.calls == [asked]


def test_who_had_something_ended_is_known_where_callers_are_disclosed(worker, call):
    call("revoke", PHONE, caller="root")
    call("revoke_by_authid", "joe", caller="root")
    call("revoke", PHONE, caller=None)
    call("my.revoke", LAPTOP)
    call("my.revoke_others")
    operator, nobody = Actor(By.OPERATOR, "root", "realm1"), Actor(By.OPERATOR)
    user = Actor(By.CLIENT, "joe", "realm1")
    assert worker.tracker.actors == [operator, operator, nobody, user, user]


# -- own devices -----------------------------------------------------------------------------------


def test_users_see_their_own_devices(worker, call):
    devices = call("my.list")
    assert worker.tracker.calls == [("select", "joe", "realm1", 1000)]
    assert {each["id"]: each["current"] for each in devices} == {PHONE: True, LAPTOP: False}


@pytest.mark.parametrize("session", [{"transport": None}, {"transport": {}}, {}])
def test_a_caller_without_a_cookie_has_no_current_device(worker, call, session):
    call.component.session = session
    assert [each["current"] for each in call("my.list")] == [False, False]
    call("my.revoke_others")
    assert worker.tracker.calls[-1] == ("revoke_user", "joe", "realm1", frozenset())


def test_users_end_their_own_devices(worker, call):
    assert call("my.revoke", LAPTOP) == {"cookies": 1, "connections": 2}
    assert worker.tracker.calls == [("find", LAPTOP), ("revoke", [LAPTOP])]


@pytest.mark.parametrize("id", [OTHER, "r" * 24, "a" * 24, "x" * 24])
def test_nobody_ends_what_is_no_own_device(worker, call, id):
    """Another user's, that of a user of the same name in another realm, nobody's, and none."""
    assert refusal(call, "my.revoke", id) == (
        "wamp.error.invalid_argument",
        f"id: expected one of your devices, found {id}",
    )
    assert worker.tracker.calls == [("find", id)]


def test_users_end_all_but_the_device_that_they_call_with(worker, call):
    assert call("my.revoke_others") == {"cookies": 5, "connections": 6}
    assert worker.tracker.calls == [("revoke_user", "joe", "realm1", frozenset([PHONE]))]


def logged_in(call, at, fresh_for):
    call.component.session["authextra"] = with_login_time({"a": 1}, at, fresh_for)


@pytest.mark.parametrize("at", [TIME - 60_000, None])
@pytest.mark.parametrize(("name", "args"), [("my.revoke", [LAPTOP]), ("my.revoke_others", [])])
def test_users_end_nothing_by_a_login_that_is_too_old(worker, call, name, args, at):
    """OWASP ASVS v5, 7.5.2."""
    logged_in(call, at, fresh_for=60)
    error, message = refusal(call, name, *args)
    assert error == "cookietrack.error.login_too_old"
    assert message == "log in again to end sessions: your login is too old"
    assert worker.tracker.calls == []
    logged_in(call, TIME - 59_999, fresh_for=60)
    assert call(name, *args)["cookies"] > 0


@pytest.mark.parametrize(
    ("at", "fresh_for", "answer"),
    [
        (TIME - 61_500, 60, {"logged_in": TIME - 61_500, "age": 61, "fresh": False}),
        (TIME - 61_500, 62, {"logged_in": TIME - 61_500, "age": 61, "fresh": True}),
        (TIME + 5, None, {"logged_in": TIME + 5, "age": 0, "fresh": None}),
        (None, None, {"logged_in": None, "age": None, "fresh": None}),
    ],
)
def test_applications_are_told_how_fresh_a_login_is(call, at, fresh_for, answer):
    logged_in(call, at, fresh_for)
    assert call("my.freshness") == answer


def test_a_client_says_nothing_about_the_time_of_its_login():
    forged = {"cookietrack_logged_in": 5, "cookietrack_fresh_until": 2**53, "team": 1}
    assert with_login_time(forged, None, None) == {"team": 1}


@pytest.mark.parametrize("name", ["my.list", "my.revoke", "my.revoke_others"])
@pytest.mark.parametrize("caller", [None, ""])
def test_a_caller_who_is_not_disclosed_has_no_devices(worker, call, name, caller):
    args = [PHONE] if name == "my.revoke" else []
    error, message = refusal(call, name, *args, caller=caller)
    assert error == "cookietrack.error.caller_not_disclosed"
    assert '"disclose": {"caller": true}' in message
    assert worker.tracker.calls == []


# -- what goes wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("list", []),
        ("get", [PHONE]),
        ("count", []),
        ("stat", []),
        ("my.list", []),
        ("my.revoke", [PHONE]),
    ],
)
def test_callers_do_not_read_where_the_store_is(worker, call, log, name, args):
    worker.tracker.fault = StoreUnavailable("/srv/cookies: no answer from db.internal")
    error, message = refusal(call, name, *args)
    assert error == "cookietrack.error.store_unavailable"
    assert message == "the cookie store cannot answer now"
    line = f"cookietrack.{name} failed: /srv/cookies: no answer from db.internal"
    assert log.at("error") == [line]


@pytest.mark.parametrize(
    ("name", "args"),
    [("revoke", [PHONE]), ("revoke_by_authid", ["joe"]), ("my.revoke_others", [])],
)
def test_callers_read_that_an_end_is_in_force_and_not_stored_yet(worker, call, log, name, args):
    worker.tracker.fault = StoreUnavailable("/srv/cookies: no answer from db.internal")
    error, message = refusal(call, name, *args)
    assert error == "cookietrack.error.not_stored_yet"
    assert message.startswith("it is in force on this worker")
    assert log.at("error") == []


@pytest.mark.parametrize(
    ("name", "args"),
    [("get", ["short"]), ("get", []), ("list", [1]), ("list", [None, None, 0]), ("revoke", [[7]])],
)
def test_wrong_arguments_reach_no_store(worker, call, name, args):
    assert refusal(call, name, *args)[0] == "wamp.error.invalid_argument"
    assert worker.tracker.calls == []


# -- events ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["created", "authenticated", "revoked", "expired"])
def test_events_are_published(worker, kind):
    component = worker.joined(store=LMDB)
    worker.tracker.events.publish(Kind(kind), PHONE, "joe", "realm1")
    payload = {"id": PHONE, "authid": "joe", "authrealm": "realm1"}
    assert component.published == [(f"cookietrack.on_{kind}", payload)]


def test_others_are_not(worker):
    component = worker.joined(store=LMDB)
    for kind in (Kind.ROTATED, Kind.REFUSED):
        worker.tracker.events.publish(kind, PHONE, "joe", "realm1")
    assert component.published == []


def test_a_component_that_has_left_publishes_nothing(worker):
    component = worker.joined(store=LMDB)
    component.leave("wamp.close.normal", None)
    assert worker.tracker.events.observers == []


def test_a_component_that_left_while_its_store_was_opened_publishes_nothing(worker):
    worker.stores.opening = Deferred()
    component = worker.joined(store=LMDB)
    component.leave("wamp.close.normal", None)
    worker.stores.opening.callback(None)
    assert worker.tracker.events.observers == []


def test_events_that_cannot_be_published_are_logged_once(worker, log):
    component = worker.joined(store=LMDB)
    component.refused["publish"] = NOT_AUTHORIZED
    for _ in range(2):
        worker.tracker.events.publish(Kind.CREATED, PHONE, "joe", "realm1")
    assert log.at("error") == [
        "events are not published: the component cannot publish cookietrack.on_created: its role"
        ' "cookies" in realm "realm1" lacks "allow": {"publish": true} for "cookietrack."'
    ]
