"""Figures: medians, spreads, ratios, and whether a target is met."""

import pytest

from benchmarks.figure import Figure, Target, from_json, number


def compared(values: list[float], baseline: list[float], target: Target | None = None) -> Figure:
    return Figure("handshakes", "lmdb", "1/s", values, "no cookie", baseline, target)


def test_the_value_is_the_median_of_the_rounds() -> None:
    assert Figure("handshakes", "lmdb", "1/s", [5, 1, 100, 4, 3]).value == 4


def test_the_spread_reaches_from_the_smallest_to_the_largest_round() -> None:
    assert Figure("handshakes", "lmdb", "1/s", [5, 1, 100]).spread == (1, 100)


def test_the_ratio_is_taken_within_each_round() -> None:
    # A machine that halves its speed in the second round changes no ratio. That of the medians
    # would be 90 to 60.
    figure = compared([90, 45, 90, 45, 90], [100, 50, 100, 50, 60])
    assert figure.ratios == [0.9, 0.9, 0.9, 0.9, 1.5]
    assert figure.ratio == 0.9
    assert figure.ratio_spread == (0.9, 1.5)


def test_rounds_without_their_baseline_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        _ = compared([1, 2, 3], [1, 2]).ratio


def test_nothing_is_compared_with_nothing() -> None:
    figure = compared([80, 90], [0, 100], Target("≤", 1000))
    assert (figure.ratio, figure.ratio_spread, figure.met) == (None, None, None)


def test_without_a_baseline_there_is_no_ratio() -> None:
    figure = Figure("time to open", "lmdb", "ms", [1])
    assert (figure.ratio, figure.ratio_spread) == (None, None)


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target("≥", 0.9), 0.9, True),
        (Target("≥", 0.9), 0.8999, False),
        (Target("≤", 10), 10, True),
        (Target("≤", 10), 10.01, False),
    ],
    ids=str,
)
def test_a_target_is_met_at_its_limit_and_not_beyond(
    target: Target, value: float, met: bool
) -> None:
    assert Figure("anything", "lmdb", "ms", [value], target=target).met is met


def test_where_there_is_a_ratio_the_target_is_about_it() -> None:
    assert compared([95], [100], Target("≥", 0.9)).met is True
    assert compared([80], [100], Target("≥", 0.9)).met is False


def test_without_a_target_nothing_is_met_or_missed() -> None:
    assert compared([95], [100]).met is None


@pytest.mark.parametrize(
    "target", [None, Target("≥", 0.9), Target("≤", 1250), Target("≤", 0.25)], ids=str
)
def test_a_figure_comes_back_from_json_as_it_was(target: Target | None) -> None:
    figure = compared([90, 45], [100, 50], target)
    assert from_json(figure.as_json()) == figure


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.000123456, "0.000123"),
        (0.90449, "0.904"),
        (12.345, "12.3"),
        (999.6, "1000"),
        (1234.5, "1,234"),
        (2500000, "2,500,000"),
    ],
)
def test_numbers_have_three_digits_and_no_exponent(value: float, text: str) -> None:
    assert number(value) == text
