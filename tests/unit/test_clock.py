"""A clock for lifetimes: jumps of the system's clock never lengthen a session."""

import time

from cookietrack_plugin.tracking.clock import Clock


class SystemClock:
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __call__(self) -> float:
        return self.seconds


def test_it_tells_whole_milliseconds_since_1970():
    assert Clock(SystemClock(1_700_000_000.1239)).now() == 1_700_000_000_123


def test_it_goes_with_the_systems_clock():
    system = SystemClock(10.0)
    clock = Clock(system)
    assert clock.now() == 10_000
    system.seconds = 11.5
    assert clock.now() == 11_500


def test_it_stands_still_when_the_systems_clock_jumps_back_and_goes_on_once_that_has_caught_up():
    system = SystemClock(1000.0)
    clock = Clock(system)
    clock.now()
    system.seconds = 400.0
    assert clock.now() == 1_000_000
    system.seconds = 999.9
    assert clock.now() == 1_000_000
    system.seconds = 1000.5
    assert clock.now() == 1_000_500


def test_the_time_is_the_systems_unless_another_source_is_given():
    before = int(time.time() * 1000)
    assert before <= Clock().now() <= int(time.time() * 1000)
