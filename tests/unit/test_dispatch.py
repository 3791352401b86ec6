"""Results in turns: in order, and nobody who has something else to do waits long for them."""

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
def delivery(reactor):
    return TimeSlicedDispatcher(reactor)


class Turns:
    """What each turn of the reactor tells, when what is told takes `each` and the rest `others`."""

    def __init__(self, reactor, delivery, each, others=0):
        self.told = [[]]
        self._reactor, self._delivery = reactor, delivery
        self._each, self._others = each, others
        self._left = 0

    def give(self, numbers):
        self._left += len(numbers)
        waiters = [Deferred().addCallback(self._tell) for _ in numbers]
        self._delivery.give(waiters, numbers)

    def pass_by(self):
        self._turn()
        self._reactor.advance(0)
        return [turn for turn in self.told if turn]

    def _tell(self, number):
        self.told[-1].append(number)
        self._left -= 1
        self._reactor.rightNow += self._each

    def _turn(self):
        self._reactor.rightNow += self._others
        self.told.append([])
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
    delivery, reactor, took, others, each, turns
):
    """However many have waited, and whatever others (`others` seconds a turn) have to do."""
    delivery.took(took)
    passing = Turns(reactor, delivery, each, others)
    passing.give(range(12))
    told = passing.pass_by()
    assert [len(turn) for turn in told] == turns
    assert [number for turn in told for number in turn] == list(range(12))


def test_nobody_is_told_before_it_returns(delivery, reactor):
    passing = Turns(reactor, delivery, 0)
    passing.give([1])
    assert passing.told == [[]]
    assert passing.pass_by() == [[1]]


def test_behind_slow_work_results_are_given_out_as_slowly(delivery, reactor):
    """A server did not answer, and all who had queued up meanwhile are refused at once."""
    delivery.took(16 * SLOW_WORK_S)
    delivery.took(0)
    passing = Turns(reactor, delivery, MIN_SLICE_S)
    passing.give(range(3))
    assert passing.pass_by() == [[0], [1], [2]]


def test_results_that_come_while_others_are_given_out_wait_for_their_turn(delivery, reactor):
    passing = Turns(reactor, delivery, FAST_SLICE_S)
    passing.give(range(2))
    reactor.callLater(0, passing.give, [2, 3])
    assert passing.pass_by() == [[0], [1], [2], [3]]


def test_a_failure_is_a_failure(delivery, reactor):
    done = Deferred()
    delivery.give([done], [Failure(ZeroDivisionError("a defect"))])
    with pytest.raises(ZeroDivisionError):
        reactor.result_of(done)
