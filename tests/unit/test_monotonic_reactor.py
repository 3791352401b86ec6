"""Timers that the wall clock does not move: in order, each once, even if one of them raises."""

import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from twisted.internet.interfaces import IReactorFDSet

from cookietrack_plugin.access import reactor as module
from cookietrack_plugin.access.reactor import MAX_CANCELLED, SLICE_S, MonotonicReactor
from tests.support.reactor import PATIENCE, FakeReactor, WatchingReactor

# A while that no test waits for.
LONG_S = 1000.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> "StoppedClock":
    """The timers' own, so that several are due at once."""
    clock = StoppedClock()
    monkeypatch.setattr(module, "time", clock)
    return clock


@pytest.fixture
def timers(reactor: FakeReactor) -> MonotonicReactor:
    return MonotonicReactor(reactor)


class TestATimer:
    def test_calls_with_its_arguments_on_the_reactors_thread(self, timers, reactor):
        calls: list[Any] = []
        timers.callLater(
            0.001, lambda *args: calls.append((*args, threading.current_thread())), 1, 2
        )
        reactor.turn_until(lambda: calls)
        assert calls == [(1, 2, threading.current_thread())]

    def test_calls_in_the_order_of_the_deadlines_whatever_the_order_of_setting(
        self, timers, reactor, clock
    ):
        calls: list[str] = []
        for name, seconds in (("c", 0.003), ("a", 0.001), ("b", 0.002)):
            timers.callLater(seconds, calls.append, name)
        clock.now += 1
        reactor.turn_until(lambda: len(calls) == 3)
        assert calls == ["a", "b", "c"]

    def test_of_the_same_deadline_calls_in_the_order_of_setting(self, timers, reactor, clock):
        calls: list[int] = []
        for number in range(5):
            timers.callLater(0.001, calls.append, number)
        clock.now += 1
        reactor.turn_until(lambda: len(calls) == 5)
        assert calls == [0, 1, 2, 3, 4]

    def test_is_heard_while_the_thread_waits_for_a_later_one(self, timers, reactor):
        calls: list[str] = []
        timers.callLater(LONG_S, calls.append, "late")
        timers.callLater(0.001, calls.append, "early")
        reactor.turn_until(lambda: calls)
        timers.callLater(0.001, calls.append, "another")
        reactor.turn_until(lambda: len(calls) == 2)
        assert calls == ["early", "another"]

    def test_can_set_another(self, timers, reactor):
        calls: list[int] = []

        def call(number: int) -> None:
            calls.append(number)
            if number < 3:
                timers.callLater(0.001, call, number + 1)

        call(1)
        reactor.turn_until(lambda: len(calls) == 3)
        assert calls == [1, 2, 3]

    @pytest.mark.parametrize("error", [ValueError, SystemExit])
    def test_that_raises_does_not_stop_the_others(self, timers, reactor, clock, log, error):
        calls: list[str] = []
        timers.callLater(0.001, fail, error)
        timers.callLater(0.001, calls.append, "the next one")
        clock.now += 1
        reactor.turn_until(lambda: calls)
        timers.callLater(0.001, calls.append, "a later one")
        clock.now += 1
        reactor.turn_until(lambda: len(calls) == 2)
        assert log.at("critical") == ["a timer failed: a defect"]

    def test_is_asked_for_once_while_the_reactor_is_busy(self, timers, reactor, clock):
        calls: list[int] = []
        for number in range(3):
            timers.callLater(0.001, calls.append, number)
        clock.now += 1
        assert reactor.take_one(patience=PATIENCE)
        assert calls == [0, 1, 2]
        assert not reactor.take_one()

    def test_is_run_in_a_later_turn_where_those_before_it_took_long(self, timers, reactor, clock):
        calls: list[int] = []

        def call(number: int) -> None:
            calls.append(number)
            clock.now += SLICE_S * 0.6

        for number in range(5):
            timers.callLater(0.001, call, number)
        clock.now += 1
        lengths = []
        while len(calls) < 5:
            assert reactor.take_one(patience=PATIENCE)
            lengths.append(len(calls))
        assert lengths == [2, 4, 5]
        timers.callLater(0.001, call, 5)
        clock.now += 1
        assert reactor.take_one(patience=PATIENCE)
        assert calls == list(range(6))

    def test_does_not_need_a_thread_of_its_own(self, timers, reactor):
        def threads() -> set[threading.Thread]:
            return {each for each in threading.enumerate() if each.name == "cookietrack-timers"}

        before = threads()
        for _ in range(50):
            timers.callLater(LONG_S, fail)
        [thread] = threads() - before
        assert thread.daemon


class TestCancelling:
    def test_keeps_it_from_being_called(self, timers, reactor):
        calls: list[str] = []
        cancelled = timers.callLater(0.001, calls.append, "cancelled")
        timers.callLater(0.002, calls.append, "called")
        cancelled.cancel()
        cancelled.cancel()
        assert not cancelled.active()
        reactor.turn_until(lambda: calls)
        assert calls == ["called"]

    def test_is_possible_until_it_is_called(self, timers, reactor, clock):
        """Two are due in one turn, and the first cancels the second."""
        calls: list[str] = []
        timers.callLater(0.001, lambda: second.cancel())
        second = timers.callLater(0.001, calls.append, "cancelled")
        timers.callLater(0.001, calls.append, "called")
        clock.now += 1
        reactor.turn_until(lambda: calls)
        assert calls == ["called"]

    def test_is_quiet_afterwards(self, timers, reactor):
        calls: list[str] = []
        called = timers.callLater(0.001, calls.append, "called")
        assert called.active()
        reactor.turn_until(lambda: calls)
        assert not called.active()
        called.cancel()
        assert calls == ["called"]

    def test_of_many_leaves_nothing_behind(self, timers, reactor):
        """Each connection sets one and takes it back: the heap must not grow by them."""
        kept = [timers.callLater(LONG_S, fail) for _ in range(10)]
        for _ in range(5 * MAX_CANCELLED):
            timers.callLater(LONG_S / 2, fail).cancel()
        heap = timers._timers._heap
        assert len(heap) <= len(kept) + MAX_CANCELLED
        assert {entry[2] for entry in heap} >= set(kept)
        calls: list[str] = []
        timers.callLater(0.001, calls.append, "called")
        reactor.turn_until(lambda: calls)


class TestTheNextTurn:
    def test_is_not_this_one(self, timers, reactor):
        calls: list[str] = []

        def first() -> None:
            calls.append("first")
            timers.callLater(0, calls.append, "second")

        timers.callLater(0, first)
        assert calls == []
        assert reactor.take_one()
        assert calls == ["first"]
        assert reactor.take_one()
        assert calls == ["first", "second"]
        assert not reactor.take_one()

    def test_calls_in_order_all_that_this_one_has_set(self, timers, reactor):
        calls: list[int] = []
        for number in range(5):
            timers.callLater(0, calls.append, number)
        assert reactor.take_one()
        assert calls == [0, 1, 2, 3, 4]

    def test_does_without_what_was_cancelled(self, timers, reactor):
        calls: list[str] = []
        cancelled = timers.callLater(0, calls.append, "cancelled")
        timers.callLater(0, calls.append, "called")
        cancelled.cancel()
        cancelled.cancel()
        reactor.turn()
        assert calls == ["called"]
        # It was in no heap.
        assert timers._timers._cancelled == 0

    @pytest.mark.parametrize("error", [ValueError, SystemExit])
    def test_goes_on_when_one_raises(self, timers, reactor, log, error):
        calls: list[str] = []
        timers.callLater(0, fail, error)
        timers.callLater(0, calls.append, "called")
        reactor.turn()
        assert calls == ["called"]
        assert log.at("critical") == ["a timer failed: a defect"]


def test_what_is_the_workers_own_is_passed_on(timers, reactor):
    assert timers.getThreadPool() is reactor.getThreadPool()
    called: list[int] = []
    timers.callFromThread(called.append, 1)
    reactor.turn()
    assert called == [1]
    timers.addReader("reader")
    assert reactor.readers == ["reader"]
    timers.removeReader("reader")
    assert reactor.readers == []
    timers.addSystemEventTrigger("before", "shutdown", fail)
    assert reactor.before_shutdown == [fail]


def test_it_watches_file_descriptors_if_the_workers_own_does(timers):
    assert not IReactorFDSet.providedBy(timers)
    assert IReactorFDSet.providedBy(MonotonicReactor(WatchingReactor()))


def test_a_reactor_that_watches_none_will_do(reactor):
    class Blind:
        callFromThread = reactor.callFromThread
        getThreadPool = reactor.getThreadPool
        addSystemEventTrigger = reactor.addSystemEventTrigger

    assert MonotonicReactor(Blind()).addReader is None


def test_its_time_is_the_monotonic_clock(timers):
    before = time.monotonic()
    assert before <= timers.seconds() <= time.monotonic()


# Twisted takes its clock when it is imported.
SET_BACK = """
import time
read, back = time.time, 0
time.time = lambda: read() - back

from twisted.internet import reactor
from cookietrack_plugin.access.reactor import MonotonicReactor

fired = []
timers = MonotonicReactor(reactor)

def set_back():
    global back
    reactor.callLater(0.01, fired.append, "Twisted's own")
    timers.callLater(0.01, fired.append, "before")
    back = 3600
    timers.callLater(0, fired.append, "the next turn")
    timers.callLater(0.02, set_another)

def set_another():
    fired.append("after")
    timers.callLater(0, reactor.callFromThread, reactor.stop)

reactor.callWhenRunning(set_back)
reactor.run()
print(*sorted(fired), sep=", ")
"""


def test_a_wall_clock_that_is_set_back_an_hour_delays_none_of_them():
    """While one of Twisted's own is not heard of before the end."""
    done = subprocess.run(
        [sys.executable, "-c", SET_BACK], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "after, before, the next turn\n"


class StoppedClock:
    """The module `time`, as far as it is used, at a moment that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


def fail(error: type[BaseException] = AssertionError) -> None:
    raise error("a defect")
