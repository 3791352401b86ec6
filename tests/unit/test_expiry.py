"""The moments in which live cookies expire: on time, a few at once, and nothing is kept."""

import pytest

from cookietrack_plugin.tracking.clock import Clock
from cookietrack_plugin.tracking.expiry import AT_ONCE, LOOK_AHEAD, TICK, Expiry

NOW = 1_700_000_000_000


class Due:
    """Notes when it was called for whom, in milliseconds from the start on."""

    def __init__(self, reactor):
        self.reactor = reactor
        self.calls = []

    def __call__(self, id):
        self.calls.append((id, round(self.reactor.seconds() * 1000)))

    @property
    def ids(self):
        return [id for id, _ in self.calls]


@pytest.fixture
def due(reactor):
    return Due(reactor)


@pytest.fixture
def expiry(due, reactor):
    return Expiry(due, Clock(lambda: NOW / 1000 + reactor.seconds()), reactor)


def pass_time(reactor, milliseconds):
    for _ in range(milliseconds // 10):
        reactor.advance(0.01)


def test_it_calls_when_the_moment_has_come_and_at_most_a_tick_later(expiry, due, reactor):
    expiry.set("a", NOW + 1234)
    pass_time(reactor, 1230)
    assert due.calls == []
    pass_time(reactor, 200)
    [(id, when)] = due.calls
    assert id == "a"
    assert 1234 <= when <= 1234 + TICK + 10


def test_it_calls_once(expiry, due, reactor):
    expiry.set("a", NOW + 500)
    pass_time(reactor, 5000)
    assert due.ids == ["a"]


def test_it_calls_in_the_order_of_the_moments_whatever_the_order_of_setting(expiry, due, reactor):
    expiry.set("c", NOW + 3000)
    expiry.set("a", NOW + 1000)
    expiry.set("b", NOW + 2000)
    pass_time(reactor, 4000)
    assert due.ids == ["a", "b", "c"]


def test_what_is_past_is_due_at_once(expiry, due, reactor):
    expiry.set("a", NOW - 5000)
    reactor.advance(0)
    assert due.ids == ["a"]


@pytest.mark.parametrize(("first", "second"), [(1000, 3000), (3000, 1000)])
def test_the_latest_setting_counts_alone(expiry, due, reactor, first, second):
    expiry.set("a", NOW + first)
    expiry.set("a", NOW + second)
    pass_time(reactor, 5000)
    assert due.calls == [("a", pytest.approx(second, abs=TICK))]


def test_what_is_forgotten_is_not_called_for(expiry, due, reactor):
    expiry.set("a", NOW + 1000)
    expiry.set("b", NOW + 1000)
    expiry.forget("a")
    expiry.forget("a")
    expiry.forget("unknown")
    pass_time(reactor, 2000)
    assert due.ids == ["b"]


def test_a_turn_of_the_reactor_is_not_filled_with_them(expiry, due, reactor):
    before_each_turn = []
    real = reactor.callLater

    def call_later(wait, run):
        return real(wait, lambda: (before_each_turn.append(len(due.calls)), run()))

    reactor.callLater = call_later
    for number in range(2 * AT_ONCE + 1):
        expiry.set(str(number), NOW + 1000)
    reactor.advance(1)
    assert before_each_turn == [0, AT_ONCE, 2 * AT_ONCE]
    assert len(due.calls) == len(set(due.ids)) == 2 * AT_ONCE + 1


def test_one_that_is_due_can_be_set_again(reactor):
    calls = []

    def again(id):
        calls.append(reactor.seconds())
        if len(calls) < 3:
            expiry.set(id, NOW + round(reactor.seconds() * 1000) + 1000)

    expiry = Expiry(again, Clock(lambda: NOW / 1000 + reactor.seconds()), reactor)
    expiry.set("a", NOW + 1000)
    pass_time(reactor, 5000)
    assert calls == [pytest.approx(seconds, abs=0.2) for seconds in (1, 2, 3)]


def test_what_is_far_off_is_called_for_before(expiry, due, reactor):
    expiry.set("a", NOW + 10 * LOOK_AHEAD)
    reactor.advance(LOOK_AHEAD / 1000 + 1)
    assert due.ids == ["a"]


def test_it_stops(expiry, due, reactor):
    expiry.set("a", NOW + 1000)
    expiry.stop()
    expiry.stop()
    assert reactor.getDelayedCalls() == []
    pass_time(reactor, 2000)
    assert due.calls == []


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
    assert len(expiry._queue) == len(expiry._ids) <= 201
    assert not any(expiry._ids.values())
    assert len(reactor.getDelayedCalls()) == 1
