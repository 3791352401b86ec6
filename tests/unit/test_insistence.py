"""Ends that hold before they are stored: until they are, and no longer."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.tracking.insistence import Insistence
from tests.support.reactor import FakeReactor

NOT_STORED = "the end of cookie 7 cannot be stored; this worker refuses it and {}: {}"
STORED = "the end of cookie 7 is stored now"


class Store:
    """Notes what it is to store; a test says what becomes of it, in any order."""

    def __init__(self) -> None:
        self.attempts: list[tuple[int, Deferred[Any]]] = []

    def write(self, end: int) -> Deferred[Any]:
        attempt: Deferred[Any] = Deferred()
        self.attempts.append((end, attempt))
        return attempt

    def stores(self, number: int = -1, result: Any = True) -> None:
        self.attempts[number][1].callback(result)

    def fails(self, number: int = -1, error: Exception | None = None) -> None:
        self.attempts[number][1].errback(error or StoreUnavailable("the disk is away"))


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def ends(store: Store, reactor: FakeReactor) -> Insistence[int]:
    return Insistence(store.write, lambda end: f"cookie {end}", reactor)


def outcomes(deferred: Deferred[Any]) -> list[Any]:
    fired: list[Any] = []
    deferred.addCallbacks(fired.append, lambda failure: fired.append(failure.value))
    return fired


class TestAnEnd:
    def test_is_in_force_at_once_and_until_it_is_stored(self, ends, store, log):
        assert (7 in ends, list(ends), len(ends)) == (False, [], 0)
        stored = outcomes(ends.start(7))
        assert (7 in ends, list(ends), len(ends)) == (True, [7], 1)
        assert (8 in ends, stored) == (False, [])
        store.stores(result=3)
        assert (7 in ends, list(ends), len(ends), stored) == (False, [], 0, [3])
        # Nothing was wrong.
        assert log.lines == []

    def test_that_cannot_be_stored_fails_and_stays_in_force(self, ends, store):
        error = StoreFull("no room")
        failed = outcomes(ends.start(7))
        store.fails(error=error)
        assert failed == [error]
        assert 7 in ends

    def test_is_tried_again_until_it_is_stored(self, ends, store, reactor):
        outcomes(ends.start(7))
        store.fails()
        for _ in range(10):
            reactor.advance(AWAY_S[-1])
            assert 7 in ends
            store.fails()
        reactor.advance(AWAY_S[-1])
        store.stores()
        assert 7 not in ends
        assert [end for end, _ in store.attempts] == [7] * 12
        assert reactor.getDelayedCalls() == []

    def test_is_tried_later_and_later(self, ends, store, reactor):
        outcomes(ends.start(7))
        pauses = []
        for _ in range(10):
            store.fails()
            [call] = reactor.getDelayedCalls()
            pauses.append(call.getTime() - reactor.seconds())
            reactor.advance(pauses[-1])
        assert AWAY_S[0] / 2 <= pauses[0] <= AWAY_S[0] < pauses[2]
        # Half of a pause is the shortest that jitter makes of it.
        assert AWAY_S[-1] / 2 <= pauses[-1] <= AWAY_S[-1]

    def test_is_tried_once_at_a_time(self, ends, store, reactor):
        outcomes(ends.start(7))
        store.fails()
        reactor.advance(AWAY_S[-1])
        reactor.advance(10 * AWAY_S[-1])
        assert len(store.attempts) == 2

    def test_is_logged_when_it_fails_and_when_it_is_stored_after_all(
        self, ends, store, reactor, log
    ):
        outcomes(ends.start(7))
        for _ in range(5):
            store.fails()
            reactor.advance(AWAY_S[-1])
        store.stores()
        assert log.lines == [
            ("critical", NOT_STORED.format("tries again until it is stored", "the disk is away")),
            ("info", STORED),
        ]

    def test_is_nothing_to_another(self, ends, store, reactor):
        outcomes(ends.start(7))
        outcomes(ends.start(8))
        store.fails(0)
        store.stores(1)
        assert list(ends) == [7]


class TestAnEndThatIsAskedForAgain:
    """While it is not stored. A user can log in again once it is: it must not come once more."""

    def test_is_tried_at_once(self, ends, store):
        outcomes(ends.start(7))
        store.fails()
        again = outcomes(ends.start(7))
        assert len(store.attempts) == 2
        store.stores()
        assert again == [True]

    def test_does_not_come_once_more_when_it_is_stored(self, ends, store, reactor, log):
        outcomes(ends.start(7))
        store.fails()
        outcomes(ends.start(7))
        store.stores()
        assert 7 not in ends
        reactor.advance(10 * AWAY_S[-1])
        assert len(store.attempts) == 2
        assert log.at("info") == [STORED]

    def test_does_not_come_more_often_when_it_fails(self, ends, store, reactor, log):
        for _ in range(3):
            outcomes(ends.start(7))
            store.fails()
        reactor.advance(AWAY_S[-1])
        assert len(store.attempts) == 4
        assert len(log.at("critical")) == 1

    def test_is_in_force_until_the_later_one_is_stored(self, ends, store):
        """Somebody may have logged in on another node after the earlier one."""
        first, second = outcomes(ends.start(7)), outcomes(ends.start(7))
        store.stores(0)
        assert (first, second, 7 in ends) == ([True], [], True)
        store.stores(1)
        assert (second, 7 in ends) == ([True], False)

    def test_is_tried_again_if_the_later_one_fails(self, ends, store, reactor):
        outcomes(ends.start(7))
        outcomes(ends.start(7))
        store.stores(0)
        store.fails(1)
        assert 7 in ends
        reactor.advance(AWAY_S[-1])
        store.stores()
        assert (len(store.attempts), 7 in ends) == (3, False)

    def test_is_not_tried_again_if_only_the_earlier_one_failed(self, ends, store, reactor):
        outcomes(ends.start(7))
        outcomes(ends.start(7))
        store.fails(0)
        store.stores(1)
        assert 7 not in ends
        reactor.advance(10 * AWAY_S[-1])
        assert len(store.attempts) == 2

    def test_is_not_planned_again_while_an_attempt_is_in_flight(self, ends, store, reactor):
        outcomes(ends.start(7))
        store.fails()
        outcomes(ends.start(7))
        reactor.advance(AWAY_S[-1])
        store.fails(1)
        assert reactor.getDelayedCalls() == []
        store.stores(2)
        assert 7 not in ends


class TestTheLastAttempt:
    def test_comes_when_the_store_is_about_to_be_closed(self, ends, store, reactor):
        outcomes(ends.start(7))
        outcomes(ends.start(8))
        store.fails(0)
        store.fails(1)
        ends.stop()
        assert [end for end, _ in store.attempts] == [7, 8, 7, 8]
        store.stores(2)
        assert list(ends) == [8]
        ends.stop()
        assert len(store.attempts) == 4
        assert reactor.getDelayedCalls() == []

    def test_is_the_last(self, ends, store, reactor, log):
        outcomes(ends.start(7))
        store.fails()
        ends.stop()
        store.fails(error=StoreFull("no room"))
        reactor.advance(10 * AWAY_S[-1])
        assert (len(store.attempts), 7 in ends) == (2, True)
        assert log.at("critical") == [
            NOT_STORED.format("tries again until it is stored", "the disk is away"),
            NOT_STORED.format("does not try again", "no room"),
        ]

    def test_is_the_one_that_is_in_flight(self, ends, store, reactor, log):
        failed = outcomes(ends.start(7))
        ends.stop()
        store.fails()
        assert (len(store.attempts), len(failed)) == (1, 1)
        assert log.at("critical") == [NOT_STORED.format("does not try again", "the disk is away")]
        assert reactor.getDelayedCalls() == []

    def test_was_before_what_comes_afterwards(self, ends, store, log):
        """It is in force all the same, for clients that still have a connection."""
        ends.stop()
        [error] = outcomes(ends.start(7))
        assert isinstance(error, StoreUnavailable)
        assert (store.attempts, 7 in ends) == ([], True)
        assert log.at("critical") == [
            NOT_STORED.format("does not try again", "the store is closed")
        ]


def test_what_is_stored_at_once_is_never_in_the_collection(reactor):
    """As where a volatile store commits in place."""
    ends: Insistence[int] = Insistence(lambda _: succeed(True), str, reactor)
    assert outcomes(ends.start(7)) == [True]
    assert list(ends) == []
