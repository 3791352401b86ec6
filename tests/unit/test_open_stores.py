"""Stores of a worker: opened once, on a thread, shared, and closed before the reactor stops."""

import threading
from time import time
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from cookietrack_plugin.config.policy import Policy
from cookietrack_plugin.errors import ConfigError, StoreLocked, StoreUnavailable, UnknownStoreType
from cookietrack_plugin.interfaces import IRevocationFeed, IRouterCookieStore, IServerTime
from cookietrack_plugin.router import stores as opening
from cookietrack_plugin.router.cookiestore import RouterCookieStore
from cookietrack_plugin.router.fast import stalls
from cookietrack_plugin.router.stores import OpenStores, open_stores
from cookietrack_plugin.testing.samples import make_id
from cookietrack_plugin.tracking.admission import Visitor
from cookietrack_plugin.tracking.clock import LocalClock, ServerClock
from tests.support.connections import FakeLink
from tests.support.stores import Gate, ScriptedStore

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


def item(store: Any = None, **cookie: Any) -> dict[str, Any]:
    return {"cookie": {"store": store or {"type": "fake"}, **cookie}}


def test_a_store_is_opened_on_a_thread_with_its_options_and_the_node_directory(
    stores, provider, reactor
):
    reactor.result_of(stores.for_transport(item({"type": "fake", "path": "p"})))
    [(options, node_dir, thread)] = provider.opened
    assert (options, node_dir) == ({"type": "fake", "path": "p"}, "/node")
    assert thread is not threading.current_thread()


def test_transports_that_name_the_same_store_share_it_and_each_gets_its_view(
    stores, provider, reactor
):
    first = stores.for_transport(item({"type": "fake", "a": 1, "b": 2}, name="one"))
    second = stores.for_transport(item({"b": 2, "a": 1, "type": "fake"}, name="two"))
    assert reactor.result_of(first) is reactor.result_of(second)
    third = reactor.result_of(stores.for_transport(item({"type": "fake", "a": 1, "b": 2})))
    assert len(provider.opened) == 1
    assert [cookie.get("name") for cookie, _ in third.views] == ["one", "two", None]


def test_another_option_is_another_store(stores, provider, reactor):
    first = reactor.result_of(stores.for_transport(item({"type": "fake", "path": "p"})))
    second = reactor.result_of(stores.for_transport(item({"type": "fake", "path": "q"})))
    assert first is not second


def test_a_cookie_item_without_a_store_means_the_volatile_one(stores, provider, reactor):
    reactor.result_of(stores.for_transport({"cookie": {}}))
    assert provider.opened[0][0] == {"type": "memory"}


def test_an_icookiestore_is_adapted_and_with_that_tracked(stores, provider, reactor):
    provider.make = ScriptedStore
    store = reactor.result_of(stores.for_transport(item(name="mine")))
    assert isinstance(store, RouterCookieStore)
    assert store.settings.name == "mine"
    again = reactor.result_of(stores.for_transport(item(name="other")))
    assert again.tracker is store.tracker
    reactor.result_of(stores.close())


def test_the_log_calls_a_store_by_its_type_and_place(stores, provider, reactor, log):
    provider.make = ScriptedStore
    options = {"type": "fake", "url": "fake://joe:secret@host/cookies"}
    store = reactor.result_of(stores.for_transport(item(options)))
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
        reactor.result_of(stores.for_transport(item({"type": "fake", "path": path})))
    assert frozen == [1, 2]


def test_there_is_room_for_descriptors_before_a_store_is_open_and_the_reactor_does_not_make_it(
    stores, provider, reactor, monkeypatch
):
    made = []
    monkeypatch.setattr(stalls, "widen", lambda: made.append(threading.current_thread()))
    reactor.result_of(stores.for_transport(item()))
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
        provider.make = make
        options = {"type": "fake", "path": make.__name__}
        store = reactor.result_of(stores.for_transport(item(options)))
        clocks.append(store.tracker.clock)
    assert [type(clock) for clock in clocks] == [LocalClock, ServerClock]
    assert clocks[1].now() - clocks[0].now() > 3_000_000
    reactor.result_of(stores.close())


def test_logins_begin_where_the_feed_was_when_the_store_was_opened(stores, provider, reactor):
    provider.make = FeedingStore
    tracker = reactor.result_of(stores.for_transport(item())).tracker
    connection = tracker.enter(None, Policy(5), FakeLink())
    tracker.hello(connection)
    assert connection.since == 4711
    reactor.result_of(stores.close())


class TestAStoreThatCannotBeOpened:
    def test_fails_every_transport_that_waits_with_the_providers_error_and_one_line(
        self, stores, provider, reactor, log
    ):
        provider.error = StoreLocked("process 4711 has it")
        provider.gate.shut()
        waiting = [stores.for_transport(item()) for _ in range(2)]
        provider.gate.open()
        for each in waiting:
            with pytest.raises(StoreLocked):
                reactor.result_of(each)
        assert len(provider.opened) == 1
        assert log.at("error", "critical") == [
            "cookie store of type fake cannot be opened: process 4711 has it"
        ]

    def test_shows_none_of_its_options_as_they_may_hold_a_password(
        self, stores, provider, reactor, log
    ):
        provider.error = StoreLocked("away")
        with pytest.raises(StoreLocked):
            reactor.result_of(stores.for_transport(item({"type": "fake", "url": "x://u:pw@h"})))
        assert not [text for _, text in log.lines if "pw" in text]

    def test_is_tried_again_by_the_next_transport(self, stores, provider, reactor):
        provider.error = StoreLocked("away")
        with pytest.raises(StoreLocked):
            reactor.result_of(stores.for_transport(item()))
        provider.error = None
        reactor.result_of(stores.for_transport(item()))
        assert len(provider.opened) == 2

    def test_because_its_type_is_unknown_says_so(self, stores, reactor):
        with pytest.raises(UnknownStoreType, match="unknown store type 'nonsense'"):
            reactor.result_of(stores.for_transport(item({"type": "nonsense"})))

    def test_because_the_item_is_wrong_says_so(self, stores, reactor):
        with pytest.raises(ConfigError, match='"length"'):
            reactor.result_of(stores.for_transport(item(length=5)))

    @pytest.mark.parametrize("make", [TimedStore, FeedingStore])
    def test_because_it_does_not_answer_is_closed_again(self, stores, provider, reactor, make):
        def open_silent() -> Any:
            store = make()
            store.server_time = store.revoked_since = silent
            return store

        def silent(*args: Any) -> Any:
            raise StoreUnavailable("no route to host")

        provider.make = open_silent
        with pytest.raises(StoreUnavailable):
            reactor.result_of(stores.for_transport(item()))
        assert provider.stores[0].closed == 1
        assert stores.trackers() == {}

    def test_because_the_provider_gives_no_store_fails(self, stores, provider, reactor, log):
        provider.make = object
        with pytest.raises(TypeError, match="expected an ICookieStore from its provider"):
            reactor.result_of(stores.for_transport(item()))
        assert len(log.at("error")) == 1


class TestShutdown:
    def test_closes_every_store_and_is_waited_for(self, stores, provider, reactor):
        for path in ("p", "q"):
            reactor.result_of(stores.for_transport(item({"type": "fake", "path": path})))
        provider.stores[1].closing = Deferred()
        [close] = reactor.before_shutdown
        closed = close()
        assert [store.closed for store in provider.stores] == [1, 1]
        assert not closed.called
        provider.stores[1].closing.callback(None)
        assert closed.called

    def test_closes_a_store_that_is_still_being_opened(self, stores, provider, reactor):
        provider.gate.shut()
        opened = stores.for_transport(item())
        closed = stores.close()
        provider.gate.open()
        reactor.result_of(opened)
        reactor.result_of(closed)
        assert provider.stores[0].closed == 1

    def test_closes_the_others_when_one_cannot_be_closed_and_says_so(
        self, stores, provider, reactor, log
    ):
        for path in ("p", "q"):
            reactor.result_of(stores.for_transport(item({"type": "fake", "path": path})))
        provider.stores[0].closing = fail(StoreLocked("cannot flush"))
        reactor.result_of(stores.close())
        assert [store.closed for store in provider.stores] == [1, 1]
        assert log.at("error") == ["a cookie store cannot be closed: cannot flush"]

    def test_can_be_asked_for_twice(self, stores, provider, reactor):
        reactor.result_of(stores.for_transport(item()))
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
        provider.make = ScriptedStore
        store = reactor.result_of(stores.for_transport(item(tracked)))
        provider.make = Passed
        reactor.result_of(stores.for_transport(item(passed)))
        assert list(stores.trackers().values()) == [store.tracker]
        assert stores.tracker({"path": "p", "type": "fake"}) is store.tracker
        with pytest.raises(KeyError):
            stores.tracker(passed)
        reactor.result_of(stores.close())

    def test_are_not_those_of_stores_that_are_being_opened_or_cannot_be(
        self, stores, provider, reactor
    ):
        provider.error = StoreLocked("away")
        provider.gate.shut()
        opened = stores.for_transport(item())
        assert stores.trackers() == {}
        provider.gate.open()
        with pytest.raises(StoreLocked):
            reactor.result_of(opened)
        assert stores.trackers() == {}
