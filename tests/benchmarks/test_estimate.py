"""How long a run still goes on."""

import pytest

from benchmarks import terminal
from benchmarks.estimate import Estimate


class Watch:
    seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_at_first_it_is_what_others_have_seen(watch: Watch) -> None:
    estimate = Estimate([60, 30, 10], watch)
    assert (estimate.left(), estimate.share()) == (100, 0)
    watch.seconds += 20
    assert (estimate.left(), estimate.share()) == (80, 0.2)


def test_a_machine_that_is_slower_takes_longer_for_the_rest_too(watch: Watch) -> None:
    estimate = Estimate([60, 30, 10], watch)
    watch.seconds += 120
    estimate.advance()
    assert estimate.left() == 80
    watch.seconds += 10
    assert estimate.left() == 70


def test_one_that_takes_longer_than_expected_leaves_the_others(watch: Watch) -> None:
    estimate = Estimate([60, 30, 10], watch)
    watch.seconds += 1000
    assert estimate.left() == 40


def test_in_the_end_nothing_is_left(watch: Watch) -> None:
    estimate = Estimate([60], watch)
    watch.seconds += 50
    estimate.advance()
    assert (estimate.left(), estimate.share()) == (0, 1)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600, "about 10 min left"), (31, "about 1 min left"), (29, "less than a minute left")],
)
def test_it_is_told_in_minutes(seconds: float, text: str) -> None:
    assert terminal.left(seconds) == text
