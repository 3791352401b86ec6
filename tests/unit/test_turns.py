"""Calls that wait for one another."""

import sys

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from cookietrack_plugin.tracking.turns import Turns


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def turns(clock):
    return Turns(clock)


def fired(deferred):
    results = []
    deferred.addBoth(results.append)
    return results


def test_a_call_begins_once_the_one_before_it_has_ended(turns, clock):
    first, second = Deferred(), Deferred()
    begun = []
    results = [
        fired(turns.take("joe", lambda each=each: begun.append(each) or each))
        for each in (first, second)
    ]
    assert begun == [first]
    first.callback(1)
    clock.advance(0)
    assert (begun, results) == ([first, second], [[1], []])
    second.callback(2)
    assert results == [[1], [2]]


def test_other_keys_do_not_wait(turns):
    turns.take("joe", Deferred)
    assert fired(turns.take("ann", lambda: succeed(1))) == [1]


def test_a_key_is_forgotten_when_nobody_has_a_turn(turns):
    assert fired(turns.take("joe", lambda: succeed(1))) == [1]
    assert turns._waiting == {}


def test_one_that_fails_or_raises_lets_the_next_begin(turns, clock):
    def fail():
        raise ValueError("no")

    first = Deferred()
    turns.take("joe", lambda: first).addErrback(lambda _: None)
    second = fired(turns.take("joe", fail))
    third = fired(turns.take("joe", lambda: succeed(3)))
    first.errback(ValueError("nor this"))
    clock.pump([0, 0])
    assert second[0].check(ValueError)
    assert third == [3]


def test_very_many_that_end_at_once_are_no_deep_stack(turns, clock):
    first, count = Deferred(), 2 * sys.getrecursionlimit()
    turns.take("joe", lambda: first)
    results = [fired(turns.take("joe", lambda: succeed(1))) for _ in range(count)]
    first.callback(0)
    clock.pump([0] * count)
    assert results == [[1]] * count
