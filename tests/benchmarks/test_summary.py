"""The README's short table."""

from pathlib import Path

import pytest

from benchmarks import registry, result, summary
from benchmarks.figure import Figure, Target

BEFORE = "# Title\n\n<!-- begin figures -->\n<!-- end figures -->\n\n## After\n"


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(BEFORE)
    return path


def publish(readme: Path, benchmark: str, *figures: Figure) -> list[str]:
    summary.publish(result.of(benchmark, 5, 1.0, figures), readme)
    return [line for line in readme.read_text().splitlines() if line.startswith("| ")][2:]


def test_a_row_shows_ratios_where_there_are_some_and_the_target(readme: Path) -> None:
    target = Target("≤", 0.5)
    (row,) = publish(
        readme,
        "disk",
        Figure("bytes, with what both keep", "database (Crossbar)", "B", [400]),
        Figure("bytes, with what both keep", "lmdb", "B", [100], "x", [400], target),
        Figure("bytes, with all there is to keep", "lmdb", "B", [900], "x", [400], target),
    )
    assert row == "| bytes on disk for a cookie with a login² | ≤ 0.5 | 0.25 |  |  | 400 B |"
    assert readme.read_text().startswith("# Title\n")
    assert readme.read_text().endswith("\n## After\n")


def test_one_benchmark_leaves_the_rows_of_the_others(readme: Path) -> None:
    stall = Target("≤", 10)
    publish(readme, "sweep", Figure("longest stall", "lmdb", "ms", [4], target=stall))
    publish(readme, "compaction", Figure("longest stall", "file", "ms", [6], target=stall))
    rows = publish(readme, "sweep", Figure("longest stall", "lmdb", "ms", [5], target=stall))
    assert rows == [
        "| longest stall of the reactor, sweep of a million | ≤ 10 ms | 5 ms |  |  |  |",
        "| the same, compaction of 500 MB | ≤ 10 ms |  | 6 ms |  |  |",
    ]


def test_every_row_is_of_a_benchmark_that_there_is() -> None:
    assert {row.benchmark for row in summary.ROWS} <= set(registry.benchmarks())


def test_the_readme_has_a_place_for_it() -> None:
    text = summary.README.read_text()
    assert text.count("<!-- begin figures -->") == text.count("<!-- end figures -->") == 1
