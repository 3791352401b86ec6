"""Batches that are begun without a thread, and a thread for all others: in order, all answered."""

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from cookietrack_plugin.access.dispatch import FAST_SLICE_S, MIN_SLICE_S, SLOW_WORK_S
from cookietrack_plugin.access.nonblocking import MAX_ITEMS, PATROL_S, NonBlockingBatcher
from cookietrack_plugin.access.thread import LONG_TURN_S, BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from tests.support.reactor import FakeReactor
from tests.support.stores import Gate


class Starter:
    """Negates numbers, once the test lets it answer; refuses what is no number."""

    def __init__(self) -> None:
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self.begun: list[list[Any]] = []
        self.in_flight: list[Any] = []
        self.begins: Callable[[], bool] = lambda: True
        self.results: Callable[[list[Any]], Sequence[Any]] = lambda batch: [-each for each in batch]

    def suits(self, item: Any) -> bool:
        return isinstance(item, int)

    def begin(self, batch: Sequence[Any]) -> bool:
        if self.in_flight:
            # No `Exception`: the batcher would give it to the thread.
            pytest.fail("two batches at once")
        if not self.begins():
            return False
        self.in_flight = list(batch)
        self.begun.append(self.in_flight)
        return True

    def fileno(self) -> int:
        return self._near.fileno()

    def finish(self) -> Sequence[Any] | None:
        if not self.in_flight:
            pytest.fail("nothing to finish")
        try:
            word = self._near.recv(1)
        except BlockingIOError:
            return None
        if word == b"?":
            return None
        batch, self.in_flight = self.in_flight, []
        return self.results(batch)

    def hint(self) -> None:
        """A part of an answer, which is none yet."""
        self._far.send(b"?")

    def answer(self) -> None:
        self._far.send(b"!")

    def lose(self) -> None:
        """`finish` closes the descriptor, as a driver does when its connection is lost."""
        self._far.close()
        self._near.close()

    def close(self) -> None:
        self._near.close()
        self._far.close()


class Worker:
    """Does the same on the thread, behind a gate, and never while the starter is at work."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self.gate = Gate()
        self.batches: list[list[Any]] = []

    def __call__(self, batch: Sequence[Any]) -> list[Any]:
        assert not self._starter.in_flight
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
def batcher(
    reactor: FakeReactor, starter: Starter, worker: Worker
) -> Iterator[NonBlockingBatcher[Any]]:
    batcher: NonBlockingBatcher[Any] = NonBlockingBatcher(
        BatchingThread("test-thread", worker, reactor), starter, reactor
    )
    yield batcher
    worker.gate.open()
    starter.results = lambda batch: [None for _ in batch]
    closed: list[Any] = []
    batcher.close().addBoth(closed.append)
    while not closed:
        if starter.in_flight:
            starter.answer()
        reactor.turn_until(lambda: closed or starter.in_flight)


def refuse() -> bool:
    return False


def fail(*_: Any) -> Any:
    raise ZeroDivisionError("a defect")


def results_of(*waiters: Deferred[Any]) -> list[Any]:
    """The results, in the order in which they are given."""
    results: list[Any] = []
    for waiter in waiters:
        waiter.addBoth(results.append)
    return results


class TestABatch:
    def test_is_begun_when_the_turn_is_over_and_answered_without_the_thread(
        self, batcher, starter, worker, reactor
    ):
        done = [batcher.put(1), batcher.put(2)]
        assert starter.begun == []
        reactor.turn()
        assert starter.begun == [[1, 2]]
        starter.answer()
        assert [reactor.result_of(each) for each in done] == [-1, -2]
        assert worker.batches == []
        assert reactor.readers == []

    def test_is_all_that_came_while_another_was_in_flight(self, batcher, starter, reactor):
        first = batcher.put(1)
        reactor.turn()
        others = [batcher.put(2)]
        reactor.turn()
        others.append(batcher.put(3))
        reactor.turn()
        assert starter.begun == [[1]]
        starter.answer()
        assert reactor.result_of(first) == -1
        assert starter.begun == [[1], [2, 3]]
        starter.answer()
        assert [reactor.result_of(each) for each in others] == [-2, -3]

    def test_has_its_limit(self, batcher, starter, reactor):
        results = results_of(*map(batcher.put, range(2 * MAX_ITEMS + 1)))
        for each in range(1, 4):
            reactor.turn_until(lambda each=each: len(starter.begun) == each)
            starter.answer()
        reactor.turn_until(lambda: len(results) == 2 * MAX_ITEMS + 1)
        assert [len(batch) for batch in starter.begun] == [MAX_ITEMS, MAX_ITEMS, 1]
        assert results == [-number for number in range(2 * MAX_ITEMS + 1)]

    def test_is_watched_until_it_has_its_answer(self, batcher, starter, reactor):
        done = batcher.put(1)
        reactor.turn()
        for _ in range(2):
            starter.hint()
            reactor.turn()
            assert not done.called
            assert len(reactor.readers) == 1
        starter.answer()
        assert reactor.result_of(done) == -1

    def test_that_follows_is_begun_before_results_are_given(self, batcher, starter, reactor):
        begun = batcher.put(1).addCallback(lambda _: list(starter.begun))
        reactor.turn()
        batcher.put(2)
        starter.answer()
        assert reactor.result_of(begun) == [[1], [2]]

    def test_can_have_one_that_fails(self, batcher, starter, reactor):
        starter.results = lambda batch: [Failure(ValueError("odd")), -2]
        bad, good = batcher.put(1), batcher.put(2)
        reactor.turn()
        starter.answer()
        with pytest.raises(ValueError, match="odd"):
            reactor.result_of(bad)
        assert reactor.result_of(good) == -2


class TestTheThread:
    @pytest.mark.parametrize("begins", [refuse, fail])
    def test_does_what_cannot_be_begun(self, batcher, starter, worker, reactor, begins):
        starter.begins = begins
        done = [batcher.put(1), batcher.put(2)]
        assert [reactor.result_of(each) for each in done] == [-1, -2]
        assert (starter.begun, worker.batches) == ([], [[1, 2]])

    def test_is_left_again_once_something_can_be_begun(self, batcher, starter, worker, reactor):
        starter.begins = refuse
        reactor.result_of(batcher.put(1))
        starter.begins = lambda: True
        done = batcher.put(2)
        reactor.turn()
        starter.answer()
        assert reactor.result_of(done) == -2
        assert (starter.begun, worker.batches) == ([[2]], [[1]])

    @pytest.mark.parametrize("results", [fail, lambda batch: [], lambda batch: [0, 0, 0]])
    def test_does_what_cannot_be_finished_and_all_others_wait_for_it(
        self, batcher, starter, worker, reactor, results
    ):
        worker.gate.shut()
        starter.results = results
        first = [batcher.put(1), batcher.put(2)]
        reactor.turn()
        batcher.put(3)
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        reactor.turn()
        assert (starter.begun, worker.batches) == ([[1, 2]], [[1, 2]])
        assert reactor.readers == []
        worker.gate.open()
        assert [reactor.result_of(each) for each in first] == [-1, -2]
        assert starter.begun == [[1, 2], [3]]

    def test_passes_on_its_error(self, batcher, starter, worker, reactor):
        starter.begins = refuse
        worker.gate.pass_through = fail
        with pytest.raises(ZeroDivisionError):
            reactor.result_of(batcher.put(1))

    def test_has_what_does_not_suit_between_two_batches(self, batcher, starter, worker, reactor):
        worker.gate.shut()
        results = results_of(*map(batcher.put, [1, 2, "job", 3]))
        reactor.turn()
        assert (starter.begun, worker.batches) == ([[1, 2]], [])
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        assert (starter.begun, worker.batches) == ([[1, 2]], [["job"]])
        worker.gate.open()
        reactor.turn_until(lambda: starter.in_flight)
        assert starter.begun == [[1, 2], [3]]
        starter.answer()
        reactor.turn_until(lambda: len(results) == 4)
        assert results == [-1, -2, "job", -3]


def test_results_are_given_in_order_whoever_has_them(batcher, starter, reactor):
    """Begun, refused, unsuitable and failed ones in turn, more than one turn can give."""
    ways = iter([True, False, True] * 2)
    starter.begins = lambda: next(ways, True)
    items: list[Any] = []
    for number in range(0, 400, 40):
        items += [*range(number, number + 40), f"job {number}"]
    results = results_of(*map(batcher.put, items))
    while len(results) < len(items):
        if starter.in_flight:
            starter.answer()
        reactor.turn()
        reactor.take_one(patience=0.005)
        starter.results = fail if len(starter.begun) == 4 else lambda batch: [-n for n in batch]
    assert results == [-item if isinstance(item, int) else item for item in items]


def test_what_the_thread_has_done_is_given_behind_what_is_still_being_given(
    batcher, starter, worker, reactor
):
    def note(result: Any) -> None:
        results.append(result)
        reactor.rightNow += FAST_SLICE_S

    results: list[Any] = []
    for item in (1, 2, 3, "job"):
        batcher.put(item).addCallback(note)
    reactor.turn()
    starter.answer()
    reactor.read()
    reactor.advance(0)
    assert reactor.take_one(patience=30)
    reactor.turn_until(lambda: len(results) == 4)
    assert results == [-1, -2, -3, "job"]


def test_a_silent_starter_is_asked_every_second_whether_it_gives_up(batcher, starter, reactor):
    done, asked = batcher.put(1), []
    reactor.turn()
    finish, starter.finish = starter.finish, lambda: asked.append(reactor.seconds())
    reactor.pump([PATROL_S / 4] * 12)
    assert asked == [PATROL_S, 2 * PATROL_S, 3 * PATROL_S]
    starter.finish = finish
    starter.answer()
    reactor.advance(PATROL_S)
    assert reactor.result_of(done) == -1


def test_an_answer_whose_descriptor_cannot_be_watched_is_found_by_the_patrol(
    batcher, starter, reactor, monkeypatch
):
    def no_room(reader: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reactor, "addReader", no_room)
    done = batcher.put(1)
    reactor.turn()
    starter.answer()
    reactor.advance(PATROL_S)
    assert reactor.result_of(done) == -1


def test_a_defect_of_the_next_batch_does_not_keep_this_ones_answer(
    batcher, starter, reactor, monkeypatch
):
    results: list[Any] = []
    batcher.put(1).addBoth(results.append)
    reactor.turn()
    batcher.put(2).addBoth(results.append)
    monkeypatch.setattr(batcher, "_begins", fail)
    starter.answer()
    with pytest.raises(ZeroDivisionError):
        reactor.read()
    reactor.turn_until(lambda: results)
    assert results == [-1]
    monkeypatch.undo()


def test_one_timer_is_for_all_batches_and_none_is_left_when_there_are_none(
    batcher, starter, reactor
):
    for item in (1, 2, 3):
        done = batcher.put(item)
        reactor.turn()
        starter.answer()
        reactor.result_of(done)
        assert len(reactor.getDelayedCalls()) == 1
    reactor.advance(PATROL_S)
    assert reactor.getDelayedCalls() == []


def turns_of(
    reactor: FakeReactor, batcher: NonBlockingBatcher[Any]
) -> Callable[[], list[list[Any]]]:
    """
    Three who wait, of whom each takes as long as a slice; a function that gives what each turn of
    the reactor gives them.
    """
    turns: list[list[Any]] = []
    patrol = batcher._patrolled

    def note(result: Any) -> None:
        turns[-1].append(result)
        reactor.rightNow += MIN_SLICE_S

    for item in (1, 2, 3):
        batcher.put(item).addCallback(note)
    reactor.turn()

    def take() -> list[list[Any]]:
        while sum(map(len, turns)) < 3:
            turns.append([])
            call = next(each for each in reactor.getDelayedCalls() if each.func != patrol)
            reactor.calls.remove(call)
            call.func()
        return turns

    return take


def test_results_of_slow_batches_are_given_out_as_slowly(batcher, starter, reactor):
    """See `TimeSlicedDispatcher.took`."""
    take = turns_of(reactor, batcher)
    reactor.rightNow += 2 * SLOW_WORK_S
    starter.answer()
    reactor.read()
    assert take() == [[-1], [-2], [-3]]


def test_results_of_fast_batches_are_given_out_together(batcher, starter, reactor):
    reactor.advance(100)
    take = turns_of(reactor, batcher)
    starter.answer()
    reactor.read()
    assert take() == [[-1, -2, -3]]


class TestInALongTurn:
    def test_an_idle_batcher_begins_at_once(self, batcher, starter, reactor):
        batcher.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        batcher.put(2)
        assert starter.begun == [[1, 2]]

    def test_an_answer_is_looked_for_without_the_reactor(self, batcher, starter, reactor):
        first = batcher.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        second = batcher.put(2)
        starter.answer()
        reactor.rightNow += 2 * LONG_TURN_S
        batcher.put(3)
        assert starter.begun == [[1, 2], [3]]
        assert len(reactor.readers) == 1
        # Nobody gets a result in the middle of what somebody else does.
        assert not first.called
        assert [reactor.result_of(each) for each in (first, second)] == [-1, -2]

    def test_what_has_no_answer_yet_goes_on(self, batcher, starter, reactor):
        batcher.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        batcher.put(2)
        batcher.put(3)
        assert starter.begun == [[1, 2]]
        assert len(reactor.readers) == 1

    def test_a_turn_that_follows_is_short_again(self, batcher, starter, reactor):
        batcher.put(1)
        reactor.turn()
        starter.answer()
        reactor.turn()
        reactor.rightNow += 2 * LONG_TURN_S
        batcher.put(2)
        assert starter.begun == [[1]]


class TestClosing:
    def test_waits_for_all_that_was_put_before(self, batcher, starter, worker, reactor):
        worker.gate.shut()
        results = results_of(*map(batcher.put, [1, "job", 2]))
        closed = batcher.close()
        starter.answer()
        reactor.turn_until(worker.gate.reached())
        worker.gate.open()
        reactor.turn_until(lambda: starter.in_flight)
        reactor.turn()
        assert not closed.called
        starter.answer()
        reactor.result_of(closed)
        assert starter.begun == [[1], [2]]
        reactor.turn_until(lambda: len(results) == 3)
        assert results == [-1, "job", -2]

    def test_is_idempotent(self, batcher, starter, reactor):
        batcher.put(1)
        first, second = batcher.close(), batcher.close()
        starter.answer()
        reactor.result_of(first)
        reactor.result_of(second)
        reactor.result_of(batcher.close())

    def test_what_comes_afterwards_fails_at_once(self, batcher, starter, reactor):
        batcher.put(1)
        closed = batcher.close()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(batcher.put(2))
        starter.answer()
        reactor.result_of(closed)
        with pytest.raises(StoreUnavailable):
            reactor.result_of(batcher.put(3))
        assert starter.begun == [[1]]

    def test_can_come_in_the_turn_in_which_the_last_answer_does(self, batcher, starter, reactor):
        done = batcher.put(1)
        reactor.rightNow += 2 * LONG_TURN_S
        batcher.put(2)
        closed = batcher.close()
        starter.answer()
        reactor.read()
        reactor.result_of(closed)
        assert reactor.result_of(done) == -1


class EpollReactor(FakeReactor):
    """One that minds, as those of Twisted do, if what it is to watch no more was closed."""

    def removeReader(self, reader: Any) -> None:
        os.fstat(reader.fileno())
        super().removeReader(reader)


class TestADescriptorThatFinishCloses:
    @pytest.fixture
    def reactor(self) -> Iterator[FakeReactor]:
        reactor = EpollReactor()
        yield reactor
        reactor.stop()

    def test_is_not_watched_any_more_and_the_thread_does_the_batch(
        self, batcher, starter, worker, reactor
    ):
        def lose(_: Any) -> Any:
            starter.lose()
            raise ConnectionError("lost")

        starter.results = lose
        done = batcher.put(1)
        reactor.turn()
        starter.answer()
        assert reactor.result_of(done) == -1
        assert (worker.batches, reactor.readers) == ([[1]], [])


class TestWhatTheReactorWatches:
    def test_is_a_read_descriptor(self, batcher, starter, reactor):
        batcher.put(1)
        reactor.turn()
        [reader] = reactor.readers
        verifyObject(IReadDescriptor, reader)
        assert reader.fileno() == starter.fileno()
        assert reader.logPrefix() == "cookietrack"

    def test_is_looked_at_once_more_when_the_connection_is_lost(self, batcher, starter, reactor):
        done = batcher.put(1)
        reactor.turn()
        [reader] = reactor.readers
        reactor.removeReader(reader)
        starter.answer()
        reader.connectionLost(Failure(ConnectionError()))
        assert reactor.result_of(done) == -1
        # By now nothing is in flight.
        reader.connectionLost(Failure(ConnectionError()))
