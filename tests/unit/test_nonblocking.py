"""Batches that are begun without a thread, and a lane for all others: in order, all answered."""

import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from cookietrack_plugin.access.dispatch import QUICK
from cookietrack_plugin.access.nonblocking import MAX_ITEMS, NonBlockingBatcher
from cookietrack_plugin.access.thread import LONG_TURN_S, BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from tests.support.reactor import FakeReactor
from tests.support.stores import Gate


class Starter:
    """Negates numbers, once the test lets it answer; whatever is no number does not suit."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self.begun: list[list[Any]] = []
        self.under_way: list[Any] = []
        self.begins: Callable[[], bool] = lambda: True
        self.results: Callable[[list[Any]], Sequence[Any]] = lambda batch: [-each for each in batch]

    def suits(self, item: Any) -> bool:
        return isinstance(item, int)

    def begin(self, batch: Sequence[Any]) -> bool:
        if self.under_way:
            # No `Exception`: the pipe would give it to the lane.
            pytest.fail("two batches at once")
        if not self.begins():
            return False
        self.under_way = list(batch)
        self.begun.append(self.under_way)
        return True

    def fileno(self) -> int:
        return self._near.fileno()

    def finish(self) -> Sequence[Any] | None:
        if not self.under_way:
            pytest.fail("nothing to finish")
        try:
            word = self._near.recv(1)
        except BlockingIOError:
            return None
        if word == b"?":
            return None
        batch, self.under_way = self.under_way, []
        return self.results(batch)

    def hint(self) -> None:
        """A part of an answer, which is none yet."""
        self._far.send(b"?")

    def answer(self) -> None:
        self._far.send(b"!")

    def close(self) -> None:
        self._near.close()
        self._far.close()


class Worker:
    """Does the same on the lane, behind a gate, and never while the starter is at work."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self.gate = Gate()
        self.batches: list[list[Any]] = []

    def __call__(self, batch: Sequence[Any]) -> list[Any]:
        assert not self._starter.under_way
        self.batches.append(list(batch))
        self.gate.pass_through()
        return [-item if isinstance(item, int) else item for item in batch]


@pytest.fixture
def starter() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.close()


@pytest.fixture
def worker(starter: Starter) -> Worker:
    return Worker(starter)


@pytest.fixture
def pipe(
    reactor: FakeReactor, starter: Starter, worker: Worker
) -> Iterator[NonBlockingBatcher[Any]]:
    pipe: NonBlockingBatcher[Any] = NonBlockingBatcher(
        BatchingThread("test-lane", worker, reactor), starter, reactor
    )
    yield pipe
    worker.gate.open()
    starter.results = lambda batch: [None for _ in batch]
    closed: list[Any] = []
    pipe.close().addBoth(closed.append)
    while not closed:
        if starter.under_way:
            starter.answer()
        reactor.turn_until(lambda: closed or starter.under_way)


def refuse() -> bool:
    return False


def fail(*_: Any) -> Any:
    raise ZeroDivisionError("a defect")


def told(*waiters: Deferred[Any]) -> list[Any]:
    """The results, in the order in which they are told."""
    results: list[Any] = []
    for waiter in waiters:
        waiter.addBoth(results.append)
    return results


class TestABatch:
    def test_is_begun_when_the_turn_is_over_and_answered_without_the_lane(
        self, pipe, starter, worker, reactor
    ):
        done = [pipe.put(1), pipe.put(2)]
        assert starter.begun == []
        reactor.turn()
        assert starter.begun == [[1, 2]]
        starter.answer()
        assert [reactor.result_of(each) for each in done] == [-1, -2]
        assert worker.batches == []
        assert reactor.readers == []

    def test_is_all_that_came_while_another_was_in_flight(self, pipe, starter, reactor):
        first = pipe.put(1)
        reactor.turn()
        others = [pipe.put(2)]
        reactor.turn()
        others.append(pipe.put(3))
        reactor.turn()
        assert starter.begun == [[1]]
        starter.answer()
        assert reactor.result_of(first) == -1
        assert starter.begun == [[1], [2, 3]]
        starter.answer()
        assert [reactor.result_of(each) for each in others] == [-2, -3]

    def test_has_its_limit(self, pipe, starter, reactor):
        results = told(*map(pipe.put, range(2 * MAX_ITEMS + 1)))
        for each in range(1, 4):
            reactor.turn_until(lambda each=each: len(starter.begun) == each)
            starter.answer()
        reactor.turn_until(lambda: len(results) == 2 * MAX_ITEMS + 1)
        assert [len(batch) for batch in starter.begun] == [MAX_ITEMS, MAX_ITEMS, 1]
        assert results == [-number for number in range(2 * MAX_ITEMS + 1)]

    def test_is_watched_until_it_has_its_answer(self, pipe, starter, reactor):
        done = pipe.put(1)
        reactor.turn()
        for _ in range(2):
            starter.hint()
            reactor.turn()
            assert not done.called
            assert len(reactor.readers) == 1
        starter.answer()
        assert reactor.result_of(done) == -1

    def test_that_follows_is_begun_before_results_are_told(self, pipe, starter, reactor):
        begun = pipe.put(1).addCallback(lambda _: list(starter.begun))
        reactor.turn()
        pipe.put(2)
        starter.answer()
        assert reactor.result_of(begun) == [[1], [2]]

    def test_can_have_one_that_fails(self, pipe, starter, reactor):
        starter.results = lambda batch: [Failure(ValueError("odd")), -2]
        bad, good = pipe.put(1), pipe.put(2)
        reactor.turn()
        starter.answer()
        with pytest.raises(ValueError, match="odd"):
            reactor.result_of(bad)
        assert reactor.result_of(good) == -2


class TestTheLane:
    @pytest.mark.parametrize("begins", [refuse, fail])
    def test_does_what_cannot_be_begun(self, pipe, starter, worker, reactor, begins):
        starter.begins = begins
        done = [pipe.put(1), pipe.put(2)]
        assert [reactor.result_of(each) for each in done] == [-1, -2]
        assert (starter.begun, worker.batches) == ([], [[1, 2]])

    def test_is_left_again_once_something_can_be_begun(self, pipe, starter, worker, reactor):
        starter.begins = refuse
        reactor.result_of(pipe.put(1))
        starter.begins = lambda: True
        done = pipe.put(2)
        reactor.turn()
        starter.answer()
        assert reactor.result_of(done) == -2
        assert (starter.begun, worker.batches) == ([[2]], [[1]])

    @pytest.mark.parametrize("results", [fail, lambda batch: [], lambda batch: [0, 0, 0]])
    def test_does_what_cannot_be_finished_and_all_others_wait_for_it(
        self, pipe, starter, worker, reactor, results
    ):
        worker.gate.shut()
        starter.results = results
        first = [pipe.put(1), pipe.put(2)]
        reactor.turn()
        pipe.put(3)
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        reactor.turn()
        assert (starter.begun, worker.batches) == ([[1, 2]], [[1, 2]])
        assert reactor.readers == []
        worker.gate.open()
        assert [reactor.result_of(each) for each in first] == [-1, -2]
        assert starter.begun == [[1, 2], [3]]

    def test_tells_its_error(self, pipe, starter, worker, reactor):
        starter.begins = refuse
        worker.gate.pass_through = fail
        with pytest.raises(ZeroDivisionError):
            reactor.result_of(pipe.put(1))

    def test_has_what_does_not_suit_between_two_batches(self, pipe, starter, worker, reactor):
        worker.gate.shut()
        results = told(*map(pipe.put, [1, 2, "job", 3]))
        reactor.turn()
        assert (starter.begun, worker.batches) == ([[1, 2]], [])
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        assert (starter.begun, worker.batches) == ([[1, 2]], [["job"]])
        worker.gate.open()
        reactor.turn_until(lambda: starter.under_way)
        assert starter.begun == [[1, 2], [3]]
        starter.answer()
        reactor.turn_until(lambda: len(results) == 4)
        assert results == [-1, -2, "job", -3]


def test_results_are_told_in_order_whoever_has_them(pipe, starter, reactor):
    """Begun, refused, unsuitable and failed ones in turn, more than one turn can tell."""
    ways = iter([True, False, True] * 2)
    starter.begins = lambda: next(ways, True)
    items: list[Any] = []
    for number in range(0, 400, 40):
        items += [*range(number, number + 40), f"job {number}"]
    results = told(*map(pipe.put, items))
    while len(results) < len(items):
        if starter.under_way:
            starter.answer()
        reactor.turn()
        reactor.take_one(patience=0.005)
        starter.results = fail if len(starter.begun) == 4 else lambda batch: [-n for n in batch]
    assert results == [-item if isinstance(item, int) else item for item in items]


def test_what_the_lane_has_done_is_told_behind_what_is_still_being_told(
    pipe, starter, worker, reactor
):
    def tell(result: Any) -> None:
        results.append(result)
        reactor.rightNow += QUICK

    results: list[Any] = []
    for item in (1, 2, 3, "job"):
        pipe.put(item).addCallback(tell)
    reactor.turn()
    starter.answer()
    reactor.read()
    reactor.advance(0)
    assert reactor.take_one(patience=30)
    reactor.turn_until(lambda: len(results) == 4)
    assert results == [-1, -2, -3, "job"]


class TestInALongTurn:
    def test_an_idle_pipe_begins_at_once(self, pipe, starter, reactor):
        pipe.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        pipe.put(2)
        assert starter.begun == [[1, 2]]

    def test_an_answer_is_looked_for_without_the_reactor(self, pipe, starter, reactor):
        first = pipe.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        second = pipe.put(2)
        starter.answer()
        reactor.rightNow += 2 * LONG_TURN_S
        pipe.put(3)
        assert starter.begun == [[1, 2], [3]]
        assert len(reactor.readers) == 1
        # Nobody is told in the middle of what somebody else does.
        assert not first.called
        assert [reactor.result_of(each) for each in (first, second)] == [-1, -2]

    def test_what_has_no_answer_yet_goes_on(self, pipe, starter, reactor):
        pipe.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        pipe.put(2)
        pipe.put(3)
        assert starter.begun == [[1, 2]]
        assert len(reactor.readers) == 1

    def test_a_turn_that_follows_is_short_again(self, pipe, starter, reactor):
        pipe.put(1)
        reactor.turn()
        starter.answer()
        reactor.turn()
        reactor.rightNow += 2 * LONG_TURN_S
        pipe.put(2)
        assert starter.begun == [[1]]


class TestClosing:
    def test_waits_for_all_that_was_put_before(self, pipe, starter, worker, reactor):
        worker.gate.shut()
        results = told(*map(pipe.put, [1, "job", 2]))
        closed = pipe.close()
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        worker.gate.open()
        reactor.turn_until(lambda: starter.under_way)
        reactor.turn()
        assert not closed.called
        starter.answer()
        reactor.result_of(closed)
        assert starter.begun == [[1], [2]]
        reactor.turn_until(lambda: len(results) == 3)
        assert results == [-1, "job", -2]

    def test_is_idempotent(self, pipe, starter, reactor):
        pipe.put(1)
        first, second = pipe.close(), pipe.close()
        starter.answer()
        reactor.result_of(first)
        reactor.result_of(second)
        reactor.result_of(pipe.close())

    def test_what_comes_afterwards_fails_at_once(self, pipe, starter, reactor):
        pipe.put(1)
        closed = pipe.close()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(pipe.put(2))
        starter.answer()
        reactor.result_of(closed)
        with pytest.raises(StoreUnavailable):
            reactor.result_of(pipe.put(3))
        assert starter.begun == [[1]]

    def test_can_come_in_the_turn_in_which_the_last_answer_does(self, pipe, starter, reactor):
        done = pipe.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        pipe.put(2)
        closed = pipe.close()
        starter.answer()
        reactor.read()
        reactor.result_of(closed)
        assert reactor.result_of(done) == -1


class TestWhatTheReactorWatches:
    def test_is_a_read_descriptor(self, pipe, starter, reactor):
        pipe.put(1)
        reactor.turn()
        [reader] = reactor.readers
        verifyObject(IReadDescriptor, reader)
        assert reader.fileno() == starter.fileno()
        assert reader.logPrefix() == "cookietrack"

    def test_is_looked_at_once_more_when_the_connection_is_lost(self, pipe, starter, reactor):
        done = pipe.put(1)
        reactor.turn()
        [reader] = reactor.readers
        reactor.removeReader(reader)
        starter.answer()
        reader.connectionLost(Failure(ConnectionError()))
        assert reactor.result_of(done) == -1
        # By now nothing is under way.
        reader.connectionLost(Failure(ConnectionError()))
