"""The moments in which connections expire: on time, a few at once, and nothing is kept."""

import pytest

from cookietrack_plugin.tracking.clock import LocalClock
from cookietrack_plugin.tracking.expiry import LOOK_AHEAD_MS, MAX_PER_TURN, TICK_MS, Expiry

NOW = 1_700_000_000_000


class Due:
    """Notes when it was called for whom, in milliseconds from the start on."""

    def __init__(self, reactor):
        self.reactor = reactor
        self.calls = []

    def __call__(self, item):
        self.calls.append((item, round(self.reactor.seconds() * 1000)))

    @property
    def items(self):
        return [item for item, _ in self.calls]


@pytest.fixture
def due(reactor):
    return Due(reactor)


@pytest.fixture
def expiry(due, reactor):
    clock = LocalClock(lambda: NOW / 1000 + reactor.seconds(), reactor.seconds)
    expiry = Expiry(clock, reactor)
    expiry.start(due)
    return expiry


def pass_time(reactor, milliseconds):
    for _ in range(milliseconds // 10):
        reactor.advance(0.01)


def test_it_calls_when_the_moment_has_come_and_at_most_a_tick_later(expiry, due, reactor):
    expiry.set("a", NOW + 1234)
    pass_time(reactor, 1230)
    assert due.calls == []
    pass_time(reactor, 200)
    [(item, when)] = due.calls
    assert item == "a"
    assert 1234 <= when <= 1234 + TICK_MS + 10


def test_it_calls_once(expiry, due, reactor):
    expiry.set("a", NOW + 500)
    pass_time(reactor, 5000)
    assert due.items == ["a"]


def test_it_calls_in_the_order_of_the_moments_whatever_the_order_of_setting(expiry, due, reactor):
    expiry.set("c", NOW + 3000)
    expiry.set("a", NOW + 1000)
    expiry.set("b", NOW + 2000)
    pass_time(reactor, 4000)
    assert due.items == ["a", "b", "c"]


def test_what_is_past_is_due_at_once(expiry, due, reactor):
    expiry.set("a", NOW - 5000)
    reactor.advance(0)
    assert due.items == ["a"]


@pytest.mark.parametrize(("first", "second"), [(1000, 3000), (3000, 1000)])
def test_the_latest_setting_counts_alone(expiry, due, reactor, first, second):
    expiry.set("a", NOW + first)
    expiry.set("a", NOW + second)
    pass_time(reactor, 5000)
    assert due.calls == [("a", pytest.approx(second, abs=TICK_MS))]


def test_what_is_forgotten_is_not_called_for(expiry, due, reactor):
    expiry.set("a", NOW + 1000)
    expiry.set("b", NOW + 1000)
    expiry.forget("a")
    expiry.forget("a")
    expiry.forget("unknown")
    pass_time(reactor, 2000)
    assert due.items == ["b"]


def test_a_turn_of_the_reactor_is_not_filled_with_them(expiry, due, reactor):
    before_each_turn = []
    real = reactor.callLater

    def call_later(wait, run):
        return real(wait, lambda: (before_each_turn.append(len(due.calls)), run()))

    reactor.callLater = call_later
    for number in range(2 * MAX_PER_TURN + 1):
        expiry.set(str(number), NOW + 1000)
    reactor.advance(1)
    assert before_each_turn == [0, MAX_PER_TURN, 2 * MAX_PER_TURN]
    assert len(due.calls) == len(set(due.items)) == 2 * MAX_PER_TURN + 1


def test_one_that_is_due_can_be_set_again(expiry, reactor):
    calls = []

    def again(item):
        calls.append(reactor.seconds())
        if len(calls) < 3:
            expiry.set(item, NOW + round(reactor.seconds() * 1000) + 1000)

    expiry.start(again)
    expiry.set("a", NOW + 1000)
    pass_time(reactor, 5000)
    assert calls == [pytest.approx(seconds, abs=0.2) for seconds in (1, 2, 3)]


@pytest.mark.parametrize("moment", [NOW - 5000, NOW + 1000])
def test_another_can_be_set_for_the_same_moment_or_an_earlier_one(expiry, reactor, moment):
    calls = []

    def set_another(item):
        calls.append(item)
        if item == "a":
            expiry.set("b", moment)

    expiry.start(set_another)
    expiry.set("a", NOW + 1000)
    expiry.set("c", NOW + 2000)
    pass_time(reactor, 1200)
    assert calls == ["a", "b"]
    assert len(reactor.getDelayedCalls()) == 1
    pass_time(reactor, 1000)
    assert calls == ["a", "b", "c"]


def test_one_that_raises_does_not_keep_the_others_from_being_called(expiry, due, reactor):
    def fail(item):
        due(item)
        if item == "a":
            raise ZeroDivisionError

    expiry.start(fail)
    expiry.set("a", NOW + 500)
    expiry.set("b", NOW + 500)
    expiry.set("c", NOW + 1000)
    # Where a reactor would log it.
    with pytest.raises(ZeroDivisionError):
        pass_time(reactor, 3000)
    pass_time(reactor, 3000)
    assert set(due.items) == {"a", "b", "c"}


def test_what_is_not_a_text_will_do(expiry, due, reactor):
    first, second = object(), object()
    expiry.set(first, NOW + 500)
    expiry.set(second, NOW + 500)
    expiry.forget(first)
    pass_time(reactor, 1000)
    assert due.items == [second]


def test_what_is_far_off_is_called_for_before(expiry, due, reactor):
    expiry.set("a", NOW + 10 * LOOK_AHEAD_MS)
    reactor.advance(LOOK_AHEAD_MS / 1000 + 1)
    assert due.items == ["a"]


def test_it_stops(expiry, due, reactor):
    expiry.set("a", NOW + 1000)
    expiry.stop()
    expiry.stop()
    assert reactor.getDelayedCalls() == []
    pass_time(reactor, 2000)
    assert due.calls == []


def test_what_is_set_afterwards_is_not_called_for(expiry, due, reactor):
    """A look-up of what was due may be answered late."""
    expiry.stop()
    expiry.set("a", NOW + 1000)
    expiry.forget("a")
    expiry.set("b", NOW - 1000)
    assert reactor.getDelayedCalls() == []
    pass_time(reactor, 2000)
    assert due.calls == []


def test_it_can_be_stopped_by_one_that_is_due(expiry, due, reactor):
    def stop(item):
        due(item)
        expiry.stop()

    expiry.start(stop)
    expiry.set("a", NOW + 500)
    expiry.set("b", NOW + 500)
    pass_time(reactor, 1000)
    assert len(due.calls) == 1
    assert reactor.getDelayedCalls() == []


def test_visitors_who_come_and_go_leave_nothing_behind(expiry, reactor):
    """Each came with a lifetime of days: their number is no bound, so there must be another."""
    for number in range(20_000):
        expiry.set(str(number % 50), NOW + 86_400_000 * (number % 30 + 1))
        if number % 2:
            expiry.forget(str(number % 50))
        if number % 100 == 0:
            reactor.advance(1)
    for number in range(50):
        expiry.forget(str(number))
    assert expiry._ticks == {}
    assert len(expiry._queue) == len(expiry._items) <= 201
    assert not any(expiry._items.values())
    assert len(reactor.getDelayedCalls()) == 1


def test_a_clock_that_jumps_ahead_keeps_nobody_waiting(reactor):
    """What was set before the jump must not hide what is set after it."""
    ahead, due = [0.0], []
    clock = LocalClock(lambda: NOW / 1000 + reactor.seconds() + ahead[0], reactor.seconds)
    expiry = Expiry(clock, reactor)
    expiry.start(due.append)
    expiry.set("before", clock.now() + 60_000)
    ahead[0] = 3600.0
    expiry.set("after", clock.now() + 2_000)
    reactor.advance(2)
    assert due == ["after"]
    reactor.advance(58)
    assert due == ["after", "before"]
