"""Calls that are spread over turns of the reactor."""

import pytest
from twisted.internet.defer import Deferred

from cookietrack_plugin.tracking.spread import SLICE_S, SpreadCalls
from tests.support.turns import Turns


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def calls(turns):
    return SpreadCalls(turns)


def test_nothing_is_called_before_the_next_turn(calls, turns):
    made = []
    done = calls.add(lambda: made.append(1))
    assert made == []
    turns.turn()
    assert made == [1]
    assert done.called


def test_they_are_called_in_order_a_few_in_each_turn(calls, turns):
    made = []

    def call(number):
        turns.now += SLICE_S / 3
        made.append(number)

    for number in range(7):
        calls.add(lambda number=number: call(number))
    lengths = []
    while len(made) < 7:
        turns.turn()
        lengths.append(len(made))
    assert lengths == [3, 6, 7]
    assert made == list(range(7))
    turns.turn()
    assert turns.next == []


def test_one_that_comes_during_another_is_called_once(calls, turns):
    made = []
    calls.add(lambda: calls.add(lambda: made.append(2)) and made.append(1))
    while turns.next:
        turns.turn()
    assert made == [1, 2]


def test_one_that_fails_keeps_no_other_back(calls, turns):
    failures, made = [], []

    def fail():
        raise RuntimeError("not now")

    calls.add(fail).addErrback(failures.append)
    calls.add(lambda: made.append(1))
    turns.turn()
    assert failures[0].check(RuntimeError)
    assert made == [1]


def test_one_whose_result_is_still_to_come_keeps_no_other_back(calls, turns):
    waiting, made = Deferred(), []
    done = calls.add(lambda: waiting)
    calls.add(lambda: made.append(1))
    turns.turn()
    assert made == [1]
    assert not done.called
    waiting.callback("there")
    assert done.result == "there"
