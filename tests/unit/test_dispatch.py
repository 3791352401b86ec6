"""Results in slices: in order, and nobody who has something else to do waits long for them."""

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cookietrack_plugin.access.dispatch import (
    FAST_SLICE_S,
    MAX_SLICE_S,
    MIN_SLICE_S,
    SLOW_WORK_S,
    TimeSlicedDispatcher,
)


@pytest.fixture
def dispatcher(reactor):
    return TimeSlicedDispatcher(reactor)


class Turns:
    """The results of each turn of the reactor, where each takes `each` and the rest `others`."""

    def __init__(self, reactor, dispatcher, each, others=0):
        self.given = [[]]
        self._reactor, self._dispatcher = reactor, dispatcher
        self._each, self._others = each, others
        self._left = 0

    def give(self, numbers):
        self._left += len(numbers)
        waiters = [Deferred().addCallback(self._note) for _ in numbers]
        self._dispatcher.give(waiters, numbers)

    def pass_by(self):
        self._turn()
        self._reactor.advance(0)
        return [turn for turn in self.given if turn]

    def _note(self, number):
        self.given[-1].append(number)
        self._left -= 1
        self._reactor.rightNow += self._each

    def _turn(self):
        self._reactor.rightNow += self._others
        self.given.append([])
        if self._left:
            self._reactor.callLater(0, self._turn)


@pytest.mark.parametrize(
    ("took", "others", "each", "turns"),
    [
        (2 * SLOW_WORK_S, 0, MIN_SLICE_S / 4, [4, 4, 4]),
        (2 * SLOW_WORK_S, MIN_SLICE_S, MIN_SLICE_S / 4, [4, 4, 4]),
        (2 * SLOW_WORK_S, 4 * MIN_SLICE_S, MIN_SLICE_S / 4, [8, 4]),
        (2 * SLOW_WORK_S, 8 * MAX_SLICE_S, MAX_SLICE_S / 4, [4, 4, 4]),
        (SLOW_WORK_S / 2, 0, FAST_SLICE_S / 4, [4, 4, 4]),
        (SLOW_WORK_S / 2, 8 * MAX_SLICE_S, FAST_SLICE_S / 4, [4, 4, 4]),
    ],
)
def test_many_results_take_several_turns_and_a_share_of_each(
    dispatcher, reactor, took, others, each, turns
):
    """With any number of waiters, and any load by others (`others` seconds a turn)."""
    dispatcher.took(took)
    passing = Turns(reactor, dispatcher, each, others)
    passing.give(range(12))
    given = passing.pass_by()
    assert [len(turn) for turn in given] == turns
    assert [number for turn in given for number in turn] == list(range(12))


def test_no_result_is_given_before_it_returns(dispatcher, reactor):
    passing = Turns(reactor, dispatcher, 0)
    passing.give([1])
    assert passing.given == [[]]
    assert passing.pass_by() == [[1]]


def test_behind_slow_work_results_are_given_out_as_slowly(dispatcher, reactor):
    """A server did not answer, and all who had queued up until then are refused at once."""
    dispatcher.took(16 * SLOW_WORK_S)
    for _ in range(3):
        dispatcher.took(0)
    passing = Turns(reactor, dispatcher, MIN_SLICE_S)
    passing.give(range(3))
    assert passing.pass_by() == [[0], [1], [2]]


def test_results_that_come_while_others_are_given_out_wait_for_their_turn(dispatcher, reactor):
    passing = Turns(reactor, dispatcher, FAST_SLICE_S)
    passing.give(range(2))
    reactor.callLater(0, passing.give, [2, 3])
    assert passing.pass_by() == [[0], [1], [2], [3]]


def test_results_that_come_when_all_others_are_given_out_are_given_out_too(dispatcher, reactor):
    for number in range(3):
        done = Deferred()
        dispatcher.give([done], [number])
        assert reactor.result_of(done) == number


def test_a_failure_is_a_failure(dispatcher, reactor):
    done = Deferred()
    dispatcher.give([done], [Failure(ZeroDivisionError("a defect"))])
    with pytest.raises(ZeroDivisionError):
        reactor.result_of(done)


def test_results_that_come_from_a_callback_get_no_slice_of_their_own(dispatcher, reactor):
    """The one who gets the last of them asks for more, and the answer is there."""
    slices = []
    real = reactor.callLater

    def call_later(wait, run, *args):
        slices.append(run)
        return real(wait, run, *args)

    reactor.callLater = call_later
    given = []

    def note(number):
        given.append(number)
        reactor.rightNow += FAST_SLICE_S / 2

    def give(_):
        dispatcher.give([Deferred().addCallback(note) for _ in range(6)], range(6))

    dispatcher.give([Deferred().addCallback(give)], [None])
    reactor.advance(0)
    assert given == list(range(6))
    assert len(slices) == 3
