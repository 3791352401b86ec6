"""The watch on a reactor: how late it was, and how much of that is the machine's."""

import pytest

from benchmarks.probe import STEP, RunQueue, StallWatch


class Time:
    """A clock, and how long a thread has waited for a processor."""

    def __init__(self) -> None:
        self.now = self.queued = 0.0

    def waited(self) -> float:
        return self.queued


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def watch(time: Time) -> StallWatch:
    watch = StallWatch(lambda: time.now, lambda: time)
    watch.start()
    watch._loop.stop()
    return watch


def pass_by(watch: StallWatch, time: Time, late: float, queued: float = 0.0) -> None:
    time.now += STEP + late
    time.queued += queued
    watch._tick()


def test_the_longest_stall_counts_and_a_new_start_forgets_it(watch: StallWatch, time: Time) -> None:
    for late in (0.002, 0.007, 0.003):
        pass_by(watch, time, late)
    assert watch.longest() == pytest.approx(0.007)
    watch.start()
    watch._loop.stop()
    assert watch.longest() == 0


def test_a_wait_for_a_processor_is_taken_off_the_stall_that_it_made(
    watch: StallWatch, time: Time
) -> None:
    for late, queued in ((0.012, 0.010), (0.005, 0.001), (0.003, 0.0)):
        pass_by(watch, time, late, queued)
    assert watch.longest() == pytest.approx(0.012)
    assert watch.longest_own() == pytest.approx(0.004)


def test_what_a_thread_waited_for_a_processor_only_grows() -> None:
    queue = RunQueue()
    assert 0 <= queue.waited() <= queue.waited()
