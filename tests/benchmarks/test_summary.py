"""The README's short table."""

from pathlib import Path

import pytest

from benchmarks import registry, result, summary
from benchmarks.figure import Figure, Target

RULER = ["---"] * len(summary.HEAD)
BEFORE = "# Title\n\n<!-- begin figures -->\n<!-- end figures -->\n\n## After\n"


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text(BEFORE)
    return path


def publish(readme: Path, benchmark: str, *figures: Figure) -> list[str]:
    summary.publish(result.of(benchmark, 5, 1.0, figures), readme)
    return [line for line in readme.read_text().splitlines() if line.startswith("| ")][2:]


def test_a_row_has_one_unit_and_says_what_it_means(readme: Path) -> None:
    (row,) = publish(
        readme,
        "disk",
        Figure("bytes, with what both keep", "database (Crossbar)", "B", [400]),
        Figure("bytes, with what both keep", "lmdb", "B", [100], "x", [400], Target("≤", 0.5)),
        Figure("bytes, with all there is to keep", "lmdb", "B", [900], "x", [400]),
    )
    assert row.startswith("| a cookie with a login on disk | bytes | lower | 100 |  |  | 400 | of ")
    assert readme.read_text().startswith("# Title\n")
    assert readme.read_text().endswith("\n## After\n")


def test_a_row_of_ratios_has_no_other_numbers(readme: Path) -> None:
    (row,) = publish(
        readme,
        "lookups",
        Figure("look-ups", "database (Crossbar)", "1/s", [400]),
        Figure("look-ups", "lmdb", "1/s", [4000], "database (Crossbar)", [400]),
        Figure("look-ups", "file", "1/s", [4000], "database (Crossbar)", [0]),
    )
    assert row.startswith(
        "| look-ups a second | times Crossbar's `database` | higher | 10 |  |  |  |"
    )


def test_one_benchmark_leaves_the_rows_of_the_others(readme: Path) -> None:
    publish(readme, "sweep", Figure("longest stall", "lmdb", "ms", [4]))
    publish(readme, "compaction", Figure("longest stall", "file", "ms", [6]))
    rows = publish(readme, "sweep", Figure("longest stall", "lmdb", "ms", [5]))
    assert [row.split(" |")[:5] for row in rows] == [
        ["| longest stall, a million expire", " ms", " lower", " 5", " "],
        ["| longest stall, 500 MB rewritten", " ms", " lower", " ", " 6"],
    ]


def test_the_readme_has_the_words_of_every_row() -> None:
    lines = summary.README.read_text().splitlines()
    for row in summary.ROWS:
        (line,) = (line for line in lines if line.startswith(f"| {row.what} | "))
        assert line.startswith(f"| {row.what} | {row.unit} | {row.better} | ")
        assert line.endswith(f" | {row.words} |")
    head, ruler = ("| " + " | ".join(cells) + " |" for cells in (summary.HEAD, RULER))
    assert [lines[lines.index(head) + 1]] == [ruler]


def test_no_row_is_there_twice() -> None:
    assert len({row.what for row in summary.ROWS}) == len(summary.ROWS)


def test_every_row_is_of_a_benchmark_that_there_is() -> None:
    assert {row.benchmark for row in summary.ROWS} <= set(registry.benchmarks())


def test_the_readme_has_a_place_for_it() -> None:
    text = summary.README.read_text()
    assert text.count("<!-- begin figures -->") == text.count("<!-- end figures -->") == 1
