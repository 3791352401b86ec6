"""A thread for work that waits: everything in order, everything answered, even after an error."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from twisted.python.failure import Failure

from cookietrack_plugin.access.dispatch import MIN_SLICE_S, SLOW_WORK_S
from cookietrack_plugin.access.thread import LONG_TURN_S, BatchingThread
from cookietrack_plugin.errors import StoreUnavailable
from tests.support.node import wait_for
from tests.support.stores import Gate


class Worker:
    """Doubles numbers behind a gate, and notes its batches."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.batches: list[list[int]] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, batch: Sequence[int]) -> list[Any]:
        self.threads.add(threading.current_thread())
        self.batches.append(list(batch))
        self.gate.pass_through()
        return [2 * number for number in batch]


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def make_thread(reactor, worker) -> Iterator[Any]:
    made: list[BatchingThread[Any]] = []

    def make(work: Any = worker, **options: Any) -> BatchingThread[Any]:
        made.append(BatchingThread("test-thread", work, reactor, **options))
        return made[-1]

    yield make
    worker.gate.open()
    for thread in made:
        reactor.result_of(thread.close())


def test_a_result_comes_back_to_the_reactors_thread(make_thread, worker, reactor):
    done = make_thread().put(21)
    threads = []
    done.addCallback(lambda result: threads.append(threading.current_thread()) or result)
    assert reactor.result_of(done) == 42
    assert threads == [threading.current_thread()]
    assert threading.current_thread() not in worker.threads


def test_an_idle_thread_starts_at_once_and_a_busy_one_takes_all_that_came_as_one_batch(
    make_thread, worker, reactor
):
    thread = make_thread()
    worker.gate.shut()
    done = [thread.put(1)]
    reactor.turn_until(worker.gate.reached())
    done += [thread.put(number) for number in (2, 3, 4)]
    worker.gate.open()
    assert [reactor.result_of(each) for each in done] == [2, 4, 6, 8]
    assert worker.batches == [[1], [2, 3, 4]]


def test_results_come_in_the_order_of_the_items(make_thread, reactor):
    thread = make_thread(max_batch=3)
    order: list[int] = []
    done = [thread.put(number).addCallback(order.append) for number in range(50)]
    reactor.result_of(done[-1])
    assert order == [2 * number for number in range(50)]


def test_a_batch_has_its_limit(make_thread, worker, reactor):
    thread = make_thread(max_batch=2)
    worker.gate.shut()
    first = thread.put(0)
    reactor.turn_until(worker.gate.reached())
    done = [thread.put(number) for number in range(1, 6)]
    worker.gate.open()
    assert [reactor.result_of(each) for each in (first, *done)] == [0, 2, 4, 6, 8, 10]
    assert worker.batches == [[0], [1, 2], [3, 4], [5]]


def test_one_item_can_fail_alone(make_thread, reactor):
    def work(batch):
        return [Failure(ValueError("odd")) if number % 2 else number for number in batch]

    thread = make_thread(work)
    good, bad = thread.put(2), thread.put(3)
    assert reactor.result_of(good) == 2
    with pytest.raises(ValueError, match="odd"):
        reactor.result_of(bad)


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_whatever_the_work_raises_everyone_in_the_batch_gets_it_and_the_thread_goes_on(
    make_thread, reactor, error
):
    broken = True

    def work(batch):
        if broken:
            raise error("broken")
        return list(batch)

    thread = make_thread(work)
    for done in (thread.put(1), thread.put(2)):
        with pytest.raises(error, match="broken"):
            reactor.result_of(done)
    broken = False
    assert reactor.result_of(thread.put(3)) == 3


def test_work_with_too_few_results_fails_everyone_instead_of_leaving_some_waiting(
    make_thread, reactor
):
    with pytest.raises(RuntimeError, match="results: expected 1, found 0"):
        reactor.result_of(make_thread(lambda batch: []).put(1))


class TestClosing:
    def test_works_off_what_is_queued_and_ends_the_thread_then_fires(
        self, make_thread, worker, reactor
    ):
        thread = make_thread()
        worker.gate.shut()
        done = [thread.put(1)]
        reactor.turn_until(worker.gate.reached())
        done.append(thread.put(2))
        closed = thread.close()
        reactor.turn()
        assert not closed.called
        worker.gate.open()
        reactor.result_of(closed)
        assert [reactor.result_of(each) for each in done] == [2, 4]
        (worked_on,) = worker.threads
        worked_on.join(30)
        assert not worked_on.is_alive()

    def test_is_idempotent(self, make_thread, reactor):
        thread = make_thread()
        first, second = thread.close(), thread.close()
        reactor.result_of(first)
        reactor.result_of(second)
        reactor.result_of(thread.close())

    def test_what_comes_afterwards_fails_at_once_and_does_not_wait_for_ever(
        self, make_thread, worker, reactor
    ):
        thread = make_thread()
        worker.gate.shut()
        busy = thread.put(1)
        reactor.turn_until(worker.gate.reached())
        closed = thread.close()
        with pytest.raises(StoreUnavailable, match="the store is closed"):
            reactor.result_of(thread.put(2))
        worker.gate.open()
        reactor.result_of(closed)
        assert reactor.result_of(busy) == 2
        with pytest.raises(StoreUnavailable):
            reactor.result_of(thread.put(3))
        assert worker.batches == [[1]]


def test_the_thread_has_the_given_name_and_keeps_no_process_alive(make_thread, worker, reactor):
    reactor.result_of(make_thread().put(1))
    (worked_on,) = worker.threads
    assert worked_on.name == "test-thread"
    assert worked_on.daemon


def test_a_thread_that_is_done_gets_what_is_gathered_before_results_are_given_out(
    make_thread, worker, reactor
):
    thread = make_thread()
    first = thread.put(1)
    reactor.advance(0)
    wait_for(lambda: worker.batches, "the first is at work")
    thread.put(2)
    # Its results have come, and nobody has them yet.
    assert reactor.take_one(patience=30)
    assert wait_for(lambda: worker.batches == [[1], [2]], "the second did not wait for us")
    assert not first.called
    assert reactor.result_of(first) == 2


def test_results_of_slow_work_are_given_out_as_slowly(make_thread, reactor):
    """See `TimeSlicedDispatcher.took`."""

    def work(batch):
        reactor.rightNow += 2 * SLOW_WORK_S
        return batch

    def note(result):
        given.append(result)
        reactor.rightNow += MIN_SLICE_S

    given: list[int] = []
    thread = make_thread(work)
    for number in range(3):
        thread.put(number).addCallback(note)
    reactor.advance(0)
    assert reactor.take_one(patience=30)
    for expected in ([0], [0, 1], [0, 1, 2]):
        [call] = reactor.getDelayedCalls()
        reactor.calls.remove(call)
        call.func()
        assert given == expected


def test_a_short_turn_is_one_batch_however_long_nothing_was_asked_for(make_thread, worker, reactor):
    thread = make_thread()
    reactor.result_of(thread.put(1))
    reactor.advance(10)
    wait_for(lambda: thread._idle, "it is idle")
    thread.put(2)
    last = thread.put(3)
    reactor.result_of(last)
    assert worker.batches == [[1], [2, 3]]


def test_an_idle_thread_does_not_wait_for_the_end_of_a_long_turn(make_thread, worker, reactor):
    """And what comes while it is at work is one batch all the same."""
    thread = make_thread()
    worker.gate.shut()
    thread.put(1)
    reactor.rightNow += 2 * LONG_TURN_S
    thread.put(2)
    wait_for(worker.gate.reached(), "the batch is at work before the turn is over")
    thread.put(3)
    reactor.rightNow += 2 * LONG_TURN_S
    last = thread.put(4)
    worker.gate.open()
    reactor.result_of(last)
    assert worker.batches == [[1, 2], [3, 4]]


def test_a_thread_is_idle_when_its_work_is_done_though_nobody_has_its_results_yet(
    make_thread, worker, reactor
):
    thread = make_thread()
    thread.put(1)
    reactor.advance(0)
    wait_for(lambda: thread._idle and worker.batches, "the batch is done, in the middle of a turn")
    thread.put(2)
    reactor.rightNow += 2 * LONG_TURN_S
    thread.put(3)
    assert wait_for(lambda: worker.batches == [[1], [2, 3]], "the next one did not wait")
