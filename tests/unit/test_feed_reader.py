"""A feed is read on a thread of its own, page by page, as soon as its store has news."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cookietrack_plugin.access.feed import (
    MAX_WAIT_S,
    FeedPage,
    FeedReader,
    SignalWaiter,
)
from cookietrack_plugin.errors import PositionLost, StoreUnavailable
from cookietrack_plugin.record import Delete, UserRevoked
from cookietrack_plugin.stores.kit.backoff import AWAY_S
from cookietrack_plugin.testing.samples import make_id
from tests.support.feeds import FeedStore, SignallingStore
from tests.support.reactor import FakeReactor

ID = make_id(1)
JOE = UserRevoked("joe", None)


@pytest.fixture
def make_reader(reactor: FakeReactor) -> Iterator[Callable[[FeedStore], FeedReader]]:
    made: list[tuple[FeedReader, FeedStore]] = []

    def make(store: FeedStore) -> FeedReader:
        made.append((FeedReader(store, reactor), store))
        return made[-1][0]

    yield make
    for reader, store in made:
        store.questions.open()
        reactor.result_of(reader.close())


@pytest.fixture
def store() -> FeedStore:
    return FeedStore()


@pytest.fixture
def reader(store: FeedStore, make_reader: Any) -> FeedReader:
    return make_reader(store)


@pytest.fixture
def signalling() -> SignallingStore:
    return SignallingStore()


@pytest.fixture
def waiting(signalling: SignallingStore, make_reader: Any) -> FeedReader:
    """A reader of a store that signals."""
    return make_reader(signalling)


class TestAPage:
    def test_has_what_was_revoked_since_a_position(self, store, reader, reactor):
        store.elsewhere(Delete(ID))
        page = reactor.result_of(reader.read(None))
        assert page == FeedPage([], 1, reactor.seconds(), signalled=False, cause=None)
        store.elsewhere(JOE)
        store.elsewhere(Delete(ID))
        page = reactor.result_of(reader.read(page.position))
        assert (page.revoked, page.position) == ([JOE, ID], 3)

    def test_is_read_on_a_thread_of_its_own(self, store, reader, reactor):
        reactor.result_of(reader.read(None))
        assert store.threads["feed"].name == "cookietrack-feed"

    def test_is_as_old_as_its_question_and_not_as_its_answer(self, store, reader, reactor):
        asked = reactor.seconds()
        store.questions.shut()
        page = reader.read(0)
        reactor.turn_until(store.questions.reached())
        reactor.advance(5)
        store.questions.open()
        assert reactor.result_of(page).asked == asked

    @pytest.mark.parametrize("error", [PositionLost("too old"), StoreUnavailable("away")])
    def test_fails_as_the_store_does(self, store, reader, reactor, error):
        store.feed_error = error
        with pytest.raises(type(error), match=str(error)):
            reactor.result_of(reader.read(0))
        store.feed_error = None
        assert reactor.result_of(reader.read(0)).position == 0

    def test_fails_where_the_store_fails_in_the_middle_of_it(self, store, reader, reactor):
        def entries() -> Iterator[str]:
            yield ID
            raise StoreUnavailable("the network is away")

        store.revoked_since = lambda cursor: (entries(), 1)
        with pytest.raises(StoreUnavailable, match="the network is away"):
            reactor.result_of(reader.read(0))


class TestAStoreThatSignals:
    def test_is_asked_when_it_does(self, signalling, waiting, reactor):
        page = waiting.read(0)
        reactor.turn_until(lambda: signalling.waited)
        assert signalling.asked == []
        signalling.signal()
        page = reactor.result_of(page)
        assert (page.signalled, page.cause, signalling.asked) == (True, None, [0])

    def test_is_listened_to_before_it_is_asked(self, signalling, waiting, reactor):
        """What is revoked between the two is signalled."""
        for number in range(2):
            page = waiting.read(0)
            signalling.signal()
            reactor.result_of(page)
            assert signalling.waited == list(range(number + 1))

    def test_knows_what_was_revoked_up_to_its_question_not_its_signal(
        self, signalling, waiting, reactor
    ):
        page = waiting.read(0)
        reactor.turn_until(lambda: signalling.waited)
        reactor.advance(MAX_WAIT_S)
        asked = reactor.seconds()
        signalling.signal()
        assert reactor.result_of(page).asked == asked

    def test_is_asked_at_once_when_it_cannot_signal_and_says_why(
        self, signalling, waiting, reactor
    ):
        signalling.signal_error = cause = StoreUnavailable("the connection is lost")
        page = reactor.result_of(waiting.read(0))
        assert (page.signalled, page.cause, page.position) == (False, cause, 0)


class TestTheEnd:
    def test_of_a_reader_ends_its_thread(self, store, reader, reactor):
        reactor.result_of(reader.read(0))
        thread = store.threads["feed"]
        reactor.result_of(reader.close())
        reactor.result_of(reader.close())
        thread.join(30)
        assert not thread.is_alive()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(reader.read(0))

    def test_does_not_wait_for_a_signal(self, signalling, waiting, reactor):
        page = waiting.read(0)
        reactor.turn_until(lambda: signalling.waited)
        reactor.result_of(waiting.close())
        assert signalling.interrupted == 1
        assert reactor.result_of(page).position == 0

    def test_comes_though_the_store_cannot_be_interrupted(self, signalling, waiting, reactor):
        page = waiting.read(0)
        reactor.turn_until(lambda: signalling.waited)
        signalling.interrupt_error = OSError("the socket is gone")
        reactor.result_of(waiting.close())
        assert reactor.result_of(page).position == 0


class TestAWaiter:
    @pytest.fixture
    def waiter(self, signalling: SignallingStore, reactor: FakeReactor) -> SignalWaiter:
        return SignalWaiter(signalling, reactor.seconds)

    def test_does_not_wait_for_a_store_that_never_signals(self, store, reactor):
        waiter = SignalWaiter(store, reactor.seconds)
        assert not waiter.wait()
        assert waiter.cause is None
        waiter.stop()

    def test_waits_long_enough_and_no_longer(self, signalling, waiter):
        signalling.signal()
        assert waiter.wait()
        assert signalling.seconds == [MAX_WAIT_S]

    @pytest.mark.parametrize("error", [StoreUnavailable("lost"), ZeroDivisionError("a defect")])
    def test_leaves_a_store_alone_for_a_while_that_cannot_signal(
        self, signalling, waiter, reactor, error
    ):
        signalling.signal_error = error
        assert not waiter.wait()
        assert waiter.cause is error
        signalling.signal_error = None
        # Half of a pause is the shortest that jitter makes of it.
        reactor.advance(AWAY_S[0] / 2 - 0.001)
        assert not waiter.wait()
        assert (len(signalling.waited), waiter.cause) == (1, error)
        reactor.advance(AWAY_S[0] / 2 + 0.001)
        signalling.signal()
        assert waiter.wait()
        assert (len(signalling.waited), waiter.cause) == (2, None)

    def test_tries_it_later_and_later(self, signalling, waiter, reactor):
        signalling.signal_error = StoreUnavailable("lost")
        for _ in range(10):
            waiter.wait()
            reactor.advance(AWAY_S[-1])
        waiter.wait()
        tried = len(signalling.waited)
        reactor.advance(AWAY_S[-1] / 2 - 0.001)
        waiter.wait()
        assert len(signalling.waited) == tried == 11

    def test_begins_with_short_pauses_again_once_it_was_signalled_to(
        self, signalling, waiter, reactor
    ):
        signalling.signal_error = StoreUnavailable("lost")
        for _ in range(10):
            waiter.wait()
            reactor.advance(AWAY_S[-1])
        signalling.signal_error = None
        signalling.signal()
        assert waiter.wait()
        signalling.signal_error = StoreUnavailable("lost")
        waiter.wait()
        reactor.advance(AWAY_S[0])
        tried = len(signalling.waited)
        waiter.wait()
        assert len(signalling.waited) == tried + 1
