"""A store on its way to being open: waited for where it is away, and given up where it is wrong."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreLocked,
    StoreUnavailable,
)
from cookietrack_plugin.router.awaited import AWAY_S, START_S, WRONG_S, AwaitedStore

AWAY = [StoreUnavailable, StoreLocked, StoreFull, RuntimeError]
WRONG = [ConfigError, StoreCorrupt, TypeError]


class Store:
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class Engine:
    """Answers attempts as the test says."""

    def __init__(self) -> None:
        self.store = Store()
        self.answer: Any = self.store
        self.attempts = 0

    def open(self) -> Deferred[Any]:
        self.attempts += 1
        if isinstance(self.answer, Deferred):
            return self.answer
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(self.answer)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def awaited(engine, reactor) -> AwaitedStore:
    return AwaitedStore("cookie store of type fake", True, engine.open, reactor)


def outcome(deferred: Deferred[Any]) -> list[Any]:
    fired: list[Any] = []
    deferred.addBoth(fired.append)
    return fired


def test_a_store_that_opens_at_once_is_there_before_anybody_listens(engine, awaited, reactor, log):
    assert awaited.store is engine.store
    assert outcome(awaited.started()) == [None]
    assert outcome(awaited.opened()) == [engine.store]
    assert reactor.getDelayedCalls() == []
    assert log.lines == []


@pytest.mark.parametrize("error", AWAY)
class TestAStoreThatIsAway:
    @pytest.fixture
    def answer(self, engine, error):
        engine.answer = error("no route to host")

    def test_does_not_keep_transports_from_listening(self, answer, awaited, log):
        assert outcome(awaited.started()) == [None]
        assert outcome(awaited.opened()) == []
        assert awaited.store is None
        assert str(awaited.refusal) == "no route to host"
        assert log.at("error", "critical") == [
            "the cookie store of type fake cannot be opened yet; until it can, clients get 503:"
            " no route to host"
        ]

    def test_is_opened_within_seconds_after_it_has_come_back(
        self, answer, engine, awaited, reactor, log
    ):
        reactor.pump([0.1] * 6000)
        assert engine.attempts > 100
        engine.answer, opened = engine.store, outcome(awaited.opened())
        reactor.pump([AWAY_S[-1]])
        assert opened == [awaited.store] == [engine.store]
        assert awaited.refusal is None
        assert log.at("info") == ["the cookie store of type fake is open"]
        assert reactor.getDelayedCalls() == []

    def test_is_tried_again_after_an_attempt_that_cannot_even_begin(
        self, answer, engine, awaited, reactor
    ):
        def no_thread() -> Any:
            raise RuntimeError("can't start new thread")

        attempt, awaited._attempt = awaited._attempt, no_thread
        reactor.pump([1] * 10)
        awaited._attempt = attempt
        engine.answer, opened = engine.store, outcome(awaited.opened())
        reactor.pump([AWAY_S[-1]])
        assert opened == [engine.store]

    def test_is_logged_once_for_each_of_causes_that_take_turns(
        self, answer, engine, awaited, reactor, error, log
    ):
        for number in range(20):
            engine.answer = error(f"node {number % 2}")
            reactor.pump([AWAY_S[-1]])
        assert len(log.at("error")) == 3

    def test_is_logged_once_for_each_cause(self, answer, engine, awaited, reactor, error, log):
        reactor.pump([1] * 60)
        engine.answer = error("no password")
        reactor.pump([1] * 60)
        assert len(log.at("error")) == 2


@pytest.mark.parametrize("error", WRONG)
class TestAStoreThatIsWrong:
    def test_keeps_transports_from_listening_and_is_not_tried_again(
        self, engine, reactor, error, log
    ):
        engine.answer = error("expected a password")
        awaited = AwaitedStore("cookie store of type fake", True, engine.open, reactor)
        for deferred in awaited.started(), awaited.opened():
            assert outcome(deferred)[0].check(error)
        reactor.pump([1] * 100)
        assert engine.attempts == 1
        assert log.at("error", "critical") == [
            "the cookie store of type fake cannot be opened: expected a password"
        ]

    @pytest.mark.parametrize("first", ["silent", "away"])
    def test_when_transports_listen_is_critical_and_tried_again_within_a_minute(
        self, engine, reactor, error, first, log
    ):
        attempt: Deferred[Any] = Deferred()
        engine.answer = attempt if first == "silent" else StoreUnavailable("away")
        awaited = AwaitedStore("cookie store of type fake", True, engine.open, reactor)
        opened = outcome(awaited.opened())
        reactor.advance(START_S)
        assert outcome(awaited.started()) == [None]
        engine.answer = error("expected a password")
        if first == "silent":
            attempt.errback(engine.answer)
        reactor.pump([1] * 600)
        assert opened == []
        assert log.at("critical") == [
            "the cookie store of type fake cannot be opened: expected a password"
        ]
        assert 10 < engine.attempts < 40
        engine.answer = engine.store
        reactor.pump([WRONG_S[-1]])
        assert opened == [engine.store]


def test_a_silent_engine_is_waited_for_two_seconds_and_then_transports_listen(engine, reactor, log):
    engine.answer = Deferred()
    awaited = AwaitedStore("cookie store of type fake", True, engine.open, reactor)
    started = outcome(awaited.started())
    reactor.advance(START_S - 0.1)
    assert started == []
    reactor.advance(0.1)
    assert started == [None]
    assert awaited.refusal is None
    engine.answer.callback(engine.store)
    assert awaited.store is engine.store


class TestClosing:
    def test_keeps_transports_from_listening(self, engine, reactor):
        engine.answer = Deferred()
        awaited = AwaitedStore("name", True, engine.open, reactor)
        started, opened = outcome(awaited.started()), outcome(awaited.opened())
        awaited.close()
        assert started[0].check(StoreUnavailable)
        assert opened[0].check(StoreUnavailable)

    def test_closes_an_open_store(self, engine, awaited):
        assert outcome(awaited.close()) == [None]
        assert engine.store.closed == 1

    def test_waits_for_an_attempt_and_closes_what_it_opens(self, engine, reactor):
        engine.answer = Deferred()
        awaited = AwaitedStore("name", True, engine.open, reactor)
        closed = outcome(awaited.close())
        assert closed == []
        engine.answer.callback(engine.store)
        assert closed == [None]
        assert engine.store.closed == 1

    @pytest.mark.parametrize("error", [StoreUnavailable("away"), CookieTrackError("wrong")])
    def test_makes_no_further_attempt(self, engine, reactor, error):
        engine.answer = error
        awaited = AwaitedStore("name", True, engine.open, reactor)
        assert outcome(awaited.close()) == [None]
        reactor.pump([1] * 100)
        assert engine.attempts == 1

    def test_during_an_attempt_that_fails_is_over_then(self, engine, reactor):
        engine.answer = Deferred()
        awaited = AwaitedStore("name", True, engine.open, reactor)
        closed = outcome(awaited.close())
        engine.answer.errback(StoreUnavailable("away"))
        reactor.pump([1] * 100)
        assert (closed, engine.attempts) == ([None], 1)
