"""Rounds: every case once in each, and none always behind the same neighbour."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.bench import Bench, rotated


def test_the_cases_take_turns() -> None:
    measured: list[str] = []

    def case(label: str) -> Callable[[], float]:
        def measure() -> float:
            measured.append(label)
            return float(len(measured))

        return measure

    values = Bench(Path(), rounds=3).interleaved({label: case(label) for label in "abc"})
    assert measured == ["a", "b", "c", "b", "c", "a", "c", "a", "b"]
    assert values == {"a": [1, 6, 8], "b": [2, 4, 9], "c": [3, 5, 7]}


def test_rotation_goes_on_after_a_whole_turn() -> None:
    assert rotated(["a", "b", "c"], 4) == ["b", "c", "a"]


def test_the_progress_names_the_round_and_the_case() -> None:
    told: list[str] = []
    Bench(Path(), rounds=2, tell=told.append).interleaved({"lmdb": lambda: 1.0})
    assert told == ["round 1 of 2: lmdb", "round 2 of 2: lmdb"]


def test_another_store_takes_part_beside_ours() -> None:
    bench = Bench(Path(), others={"diskcache": {"type": "diskcache", "path": "x"}})
    assert [*bench.stores] == ["memory", "file", "lmdb", "diskcache"]
    assert [*bench.durable()] == ["file", "lmdb", "diskcache"]


@pytest.mark.parametrize(("scale", "size"), [(1, 1000), (0.01, 10), (0.0001, 1)])
def test_sizes_shrink_with_the_scale_and_never_vanish(scale: float, size: int) -> None:
    assert Bench(Path(), scale=scale).size(1000) == size
