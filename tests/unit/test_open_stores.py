"""Stores of a worker: opened once, on a thread, shared, and closed before the reactor stops."""

import json
import threading
from time import time
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import StoreCorrupt, StoreLocked, StoreUnavailable, UnknownStoreType
from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IRouterCookieStore,
    IServerTime,
)
from cookietrack_plugin.router import stores as opening
from cookietrack_plugin.router.awaited import AWAY_S
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.fast import stalls
from cookietrack_plugin.router.stores import OpenStores, open_stores
from cookietrack_plugin.router.trails import with_audits
from cookietrack_plugin.testing.samples import make_id
from cookietrack_plugin.tracking.admission import Visitor
from cookietrack_plugin.tracking.clock import LocalClock, ServerClock
from tests.support.connections import FakeLink
from tests.support.stores import Gate, ScriptedStore

WRONG = Tracking("t", {"length": 5, "audit": {}}, {})
VISITOR = Visitor((), "tcp4:192.0.2.1:52410", None)


@implementer(IRouterCookieStore)
class Passed:
    """A store that is passed through: notes what it was asked."""

    def __init__(self) -> None:
        self.views: list[tuple[Any, ...]] = []
        self.closed = 0
        self.closing: Deferred[None] | None = None

    def for_transport(self, *args: Any) -> Any:
        self.views.append(args)
        return self

    def close(self) -> Any:
        self.closed += 1
        return self.closing


class Provider:
    """Opens `Passed` stores, behind a gate."""

    opens: Any = IRouterCookieStore

    def __init__(self) -> None:
        self.gate = Gate()
        self.opened: list[tuple[Any, str, threading.Thread]] = []
        self.stores: list[Any] = []
        self.error: Exception | None = None
        self.make: Any = Passed

    def open(self, options: Any, node_dir: str) -> Any:
        self.opened.append((options, node_dir, threading.current_thread()))
        self.gate.pass_through()
        if self.error:
            raise self.error
        self.stores.append(self.make())
        return self.stores[-1]


@pytest.fixture
def provider(monkeypatch) -> Any:
    provider = Provider()
    monkeypatch.setattr(opening, "find_provider", lambda store_type: provider)
    yield provider
    provider.gate.open()


@pytest.fixture
def stores(reactor) -> OpenStores:
    return OpenStores(reactor, "/node")


def no_thread(*args: Any) -> Any:
    raise RuntimeError("can't start new thread")


def opened(stores: OpenStores, options: Any = None) -> Deferred[Any]:
    return stores.awaited(options or {"type": "fake"}).opened()


def test_a_store_is_opened_on_a_thread_with_its_options_and_the_node_directory(
    stores, provider, reactor
):
    reactor.result_of(opened(stores, {"type": "fake", "path": "p"}))
    [(options, node_dir, thread)] = provider.opened
    assert (options, node_dir) == ({"type": "fake", "path": "p"}, "/node")
    assert thread is not threading.current_thread()


def test_transports_that_name_the_same_store_share_it(stores, provider, reactor):
    first = opened(stores, {"type": "fake", "a": 1, "b": 2})
    second = opened(stores, {"b": 2, "a": 1, "type": "fake"})
    found = reactor.result_of(first)
    assert found is reactor.result_of(second)
    assert found is reactor.result_of(opened(stores, {"type": "fake", "a": 1, "b": 2}))
    assert len(provider.opened) == 1


def test_another_option_is_another_store(stores, provider, reactor):
    first = reactor.result_of(opened(stores, {"type": "fake", "path": "p"}))
    second = reactor.result_of(opened(stores, {"type": "fake", "path": "q"}))
    assert first is not second


def test_an_icookiestore_is_adapted_and_with_that_tracked(stores, provider, reactor):
    provider.make, provider.opens = ScriptedStore, ICookieStore
    store = reactor.result_of(opened(stores))
    assert isinstance(store, RouterCookieStore)
    view = store.for_transport({"name": "mine"}, ())
    assert (view.settings.name, view.tracker) == ("mine", store.tracker)
    reactor.result_of(stores.close())


def audited(path):
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def visit(reactor, store):
    reactor.result_of(store.tracker.admit(VISITOR, lambda: make_id(1), store.policy))


def test_the_audit_log_of_a_transport_is_that_of_its_store(provider, reactor, tmp_path):
    provider.make, provider.opens = ScriptedStore, ICookieStore
    stores = OpenStores(reactor, str(tmp_path))
    options = {"type": "fake"}
    provider.gate.shut()
    awaited = stores.awaited(options)
    stores.audit(options, AuditSettings())
    provider.gate.open()
    visit(reactor, reactor.result_of(awaited.opened()))
    reactor.result_of(stores.close())
    assert audited(tmp_path / "audit.jsonl") == ["started", "created", "stopped"]


def test_a_worker_that_opens_a_store_without_a_transport_writes_the_nodes_audit_log(
    provider, reactor, tmp_path, monkeypatch
):
    """The component that administers it, in another worker than the transports."""
    provider.make, provider.opens = ScriptedStore, ICookieStore
    options = {"type": "fake", "url": "fake://joe:secret@host"}
    found = [Tracking("t", {"store": options, "audit": {"filename": "a"}}, {}), WRONG]
    env = with_audits({"vars": {"A": "b"}}, found)["vars"]
    assert env["A"] == "b"
    assert "secret" not in str(env)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    stores = OpenStores(reactor, str(tmp_path))
    visit(reactor, reactor.result_of(opened(stores, options)))
    reactor.result_of(opened(stores, {"type": "fake", "url": "another"}))
    reactor.result_of(stores.close())
    assert audited(tmp_path / "a") == ["started", "created", "stopped"]


def test_without_an_audit_item_workers_are_told_nothing():
    assert with_audits({"a": 1}, [Tracking("t", {}, {}), WRONG]) == {"a": 1}


def test_the_log_calls_a_store_by_its_type_and_place(stores, provider, reactor, log):
    provider.make, provider.opens = ScriptedStore, ICookieStore
    options = {"type": "fake", "url": "fake://joe:secret@host/cookies"}
    store = reactor.result_of(opened(stores, options))
    provider.stores[0].fail_commits()
    with pytest.raises(StoreUnavailable):
        reactor.result_of(store.tracker.admit(VISITOR, lambda: make_id(1), store.policy))
    assert log.at("error") == [
        "the cookie store fake:fake://host/cookies does not answer: the disk is away"
    ]
    reactor.result_of(stores.close())


def test_what_is_loaded_when_a_store_is_open_is_no_work_for_the_collector_any_more(
    stores, provider, reactor, monkeypatch
):
    """That of a second store as well: it has another driver."""
    frozen = []
    monkeypatch.setattr(stalls.gc, "freeze", lambda: frozen.append(len(provider.stores)))
    for path in "aab":
        reactor.result_of(opened(stores, {"type": "fake", "path": path}))
    assert frozen == [1, 2]


def test_there_is_room_for_descriptors_before_a_store_is_open_and_the_reactor_does_not_make_it(
    stores, provider, reactor, monkeypatch
):
    made = []
    monkeypatch.setattr(stalls, "widen", lambda: made.append(threading.current_thread()))
    reactor.result_of(opened(stores))
    assert made == [thread for _, _, thread in provider.opened]


@implementer(IServerTime)
class TimedStore(ScriptedStore):
    """Its server is an hour ahead."""

    def server_time(self) -> int:
        return int(time() * 1000) + 3_600_000


@implementer(IRevocationFeed)
class FeedingStore(ScriptedStore):
    """Its feed has come to 4711."""

    def revoked_since(self, cursor: Any) -> Any:
        return [], 4711


def test_a_stores_records_live_by_the_time_of_its_server_if_it_has_one(stores, provider, reactor):
    clocks = []
    for make in (ScriptedStore, TimedStore):
        provider.make, provider.opens = make, ICookieStore
        options = {"type": "fake", "path": make.__name__}
        store = reactor.result_of(opened(stores, options))
        clocks.append(store.tracker.clock)
    assert [type(clock) for clock in clocks] == [LocalClock, ServerClock]
    assert clocks[1].now() - clocks[0].now() > 3_000_000
    reactor.result_of(stores.close())


def test_logins_begin_where_the_feed_was_when_the_store_was_opened(stores, provider, reactor):
    provider.make, provider.opens = FeedingStore, ICookieStore
    tracker = reactor.result_of(opened(stores)).tracker
    connection = tracker.enter(None, Policy(5), FakeLink())
    tracker.hello(connection)
    assert connection.since == 4711
    reactor.result_of(stores.close())


class TestAStoreThatCannotBeOpened:
    def test_fails_every_transport_that_waits_with_the_providers_error_and_one_line(
        self, stores, provider, reactor, log
    ):
        provider.error = StoreCorrupt("process 4711 has it")
        provider.gate.shut()
        waiting = [opened(stores) for _ in range(2)]
        provider.gate.open()
        for each in waiting:
            with pytest.raises(StoreCorrupt):
                reactor.result_of(each)
        assert len(provider.opened) == 1
        assert log.at("error", "critical") == [
            "the cookie store of type fake cannot be opened: process 4711 has it"
        ]

    def test_shows_none_of_its_options_as_they_may_hold_a_password(
        self, stores, provider, reactor, log
    ):
        provider.error = StoreCorrupt("away")
        with pytest.raises(StoreCorrupt):
            reactor.result_of(opened(stores, {"type": "fake", "url": "x://u:pw@h"}))
        assert not [text for _, text in log.lines if "pw" in text]

    def test_is_tried_again_by_the_next_transport(self, stores, provider, reactor):
        provider.error = StoreCorrupt("away")
        with pytest.raises(StoreCorrupt):
            reactor.result_of(opened(stores))
        provider.error = None
        reactor.result_of(opened(stores))
        assert len(provider.opened) == 2

    def test_because_its_type_is_unknown_says_so(self, stores, reactor):
        with pytest.raises(UnknownStoreType, match="unknown store type 'nonsense'"):
            reactor.result_of(opened(stores, {"type": "nonsense"}))

    @pytest.mark.parametrize("make", [TimedStore, FeedingStore])
    def test_because_it_does_not_answer_is_closed_again_and_awaited(
        self, stores, provider, reactor, make
    ):
        def open_silent() -> Any:
            store = make()
            store.server_time = store.revoked_since = silent
            return store

        def silent(*args: Any) -> Any:
            raise StoreUnavailable("no route to host")

        provider.make, provider.opens = open_silent, ICookieStore
        reactor.result_of(stores.awaited({"type": "fake"}).started())
        assert provider.stores[0].closed == 1
        assert stores.trackers() == {}
        assert stores.away() == ['{"type": "fake"}']
        assert stores.causes() == {'{"type": "fake"}': "no route to host"}
        provider.make = make
        waiting = opened(stores)
        reactor.advance(AWAY_S[-1])
        reactor.result_of(waiting)
        assert stores.away() == []
        reactor.result_of(stores.close())

    def test_because_it_cannot_be_tracked_is_closed_and_tried_again(
        self, stores, provider, reactor, monkeypatch
    ):
        provider.make, provider.opens = ScriptedStore, ICookieStore
        monkeypatch.setattr(opening, "make_tracker", no_thread)
        reactor.result_of(stores.awaited({"type": "fake"}).started())
        assert provider.stores[0].closed == 1
        monkeypatch.undo()
        monkeypatch.setattr(opening, "find_provider", lambda store_type: provider)
        waiting = opened(stores)
        reactor.advance(AWAY_S[-1])
        assert isinstance(reactor.result_of(waiting), RouterCookieStore)
        reactor.result_of(stores.close())

    def test_because_the_provider_gives_no_store_fails(self, stores, provider, reactor, log):
        provider.make = object
        with pytest.raises(TypeError, match="expected an IRouterCookieStore, as its provider says"):
            reactor.result_of(opened(stores))
        assert len(log.at("error")) == 1


class TestShutdown:
    def test_closes_every_store_and_is_waited_for(self, stores, provider, reactor):
        for path in ("p", "q"):
            reactor.result_of(opened(stores, {"type": "fake", "path": path}))
        provider.stores[1].closing = Deferred()
        [close] = reactor.before_shutdown
        closed = close()
        assert [store.closed for store in provider.stores] == [1, 1]
        assert not closed.called
        provider.stores[1].closing.callback(None)
        assert closed.called

    def test_closes_a_store_that_is_still_being_opened(self, stores, provider, reactor):
        provider.gate.shut()
        waiting = opened(stores)
        closed = stores.close()
        # No transport begins to listen now.
        with pytest.raises(StoreUnavailable, match="the worker stops"):
            reactor.result_of(waiting)
        provider.gate.open()
        reactor.result_of(closed)
        assert provider.stores[0].closed == 1

    def test_opens_no_other_store_from_then_on(self, stores, provider, reactor):
        reactor.result_of(stores.close())
        with pytest.raises(StoreUnavailable, match="closed"):
            opened(stores)
        assert provider.opened == []

    def test_closes_the_others_when_one_cannot_be_closed_and_says_so(
        self, stores, provider, reactor, log
    ):
        for path in ("p", "q"):
            reactor.result_of(opened(stores, {"type": "fake", "path": path}))
        provider.stores[0].closing = fail(StoreLocked("cannot flush"))
        reactor.result_of(stores.close())
        assert [store.closed for store in provider.stores] == [1, 1]
        assert log.at("error") == ["the cookie store fake:p cannot be closed: cannot flush"]

    def test_can_be_asked_for_twice(self, stores, provider, reactor):
        reactor.result_of(opened(stores))
        reactor.result_of(stores.close())
        reactor.result_of(stores.close())
        assert provider.stores[0].closed == 2


def test_a_worker_has_one_set_of_open_stores_for_its_node(reactor, monkeypatch, unbridged_logging):
    monkeypatch.setattr(opening, "reactor", reactor)
    monkeypatch.setattr(opening, "_processes", {})
    assert open_stores("/node") is open_stores("/node")
    assert open_stores("/node") is not open_stores("/other")
    assert len(reactor.before_shutdown) == 2


class TestTheTrackers:
    def test_are_those_of_the_open_stores_that_we_track(self, stores, provider, reactor):
        tracked, passed = {"type": "fake", "path": "p"}, {"type": "fake", "path": "q"}
        provider.make, provider.opens = ScriptedStore, ICookieStore
        store = reactor.result_of(opened(stores, tracked))
        provider.make, provider.opens = Passed, IRouterCookieStore
        reactor.result_of(opened(stores, passed))
        assert list(stores.trackers().values()) == [store.tracker]
        assert stores.tracker({"path": "p", "type": "fake"}) is store.tracker
        with pytest.raises(KeyError):
            stores.tracker(passed)
        reactor.result_of(stores.close())

    def test_and_others_can_be_relied_on_once_they_are_open(self, stores, provider, reactor):
        tracked, passed = {"type": "fake", "path": "p"}, {"type": "fake", "path": "q"}
        keys = [json.dumps(each, sort_keys=True) for each in (tracked, passed)]
        assert stores.causes() == {}
        provider.make, provider.opens = ScriptedStore, ICookieStore
        provider.gate.shut()
        waiting = opened(stores, tracked)
        assert stores.causes() == {keys[0]: "the store is being opened"}
        provider.gate.open()
        store = reactor.result_of(waiting)
        provider.make, provider.opens = Passed, IRouterCookieStore
        reactor.result_of(opened(stores, passed))
        assert stores.causes() == dict.fromkeys(keys)
        store.tracker.health.cause = lambda: "the disk is away"
        assert stores.causes() == {keys[0]: "the disk is away", keys[1]: None}
        reactor.result_of(stores.close())
        assert stores.causes() == dict.fromkeys(keys, "the worker stops")

    def test_are_not_those_of_stores_that_are_being_opened_or_cannot_be(
        self, stores, provider, reactor
    ):
        provider.error = StoreCorrupt("foreign")
        provider.gate.shut()
        waiting = opened(stores)
        assert stores.trackers() == {}
        provider.gate.open()
        with pytest.raises(StoreCorrupt):
            reactor.result_of(waiting)
        assert stores.trackers() == {}
