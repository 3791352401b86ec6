"""A run: what it writes down, and what it does when a benchmark fails."""

import json
from pathlib import Path

import pytest

from benchmarks import document, machine, result
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import Benchmark
from benchmarks.runner import Runner

FIGURES = [
    Figure("handshakes", "no cookie", "1/s", [100, 110, 90]),
    Figure("handshakes", "memory (Crossbar)", "1/s", [80, 90, 85], "no cookie", [100, 110, 90]),
    Figure(
        "handshakes", "lmdb", "1/s", [95, 99, 88], "no cookie", [100, 110, 90], Target("≥", 0.9)
    ),
]


def succeed(bench: Bench) -> list[Figure]:
    """How it is measured."""
    assert [*bench.directory.iterdir()] == []
    return FIGURES


def fail(bench: Bench) -> list[Figure]:
    raise RuntimeError("the disk is on fire")


GOOD, BAD = Benchmark("good", "A good one", succeed), Benchmark("bad", "A bad one", fail)


def runner(results: Path) -> Runner:
    return Runner(rounds=3, scale=1.0, others={}, results=results, docs=False)


def test_a_result_file_has_everything_to_be_read_alone(tmp_path: Path) -> None:
    assert runner(tmp_path).run([GOOD])
    written = json.loads((tmp_path / "good.json").read_text())
    assert set(written) == {"benchmark", "taken", "machine", "rounds", "scale", "figures"}
    assert (written["benchmark"], written["rounds"], written["scale"]) == ("good", 3, 1.0)
    assert set(written["machine"]) >= {"cpu", "cores", "memory", "kernel", "python"}
    assert set(written["machine"]) >= set(machine.PACKAGES)
    assert all(written["machine"].values())
    assert written["figures"][2] == {
        "metric": "handshakes",
        "case": "lmdb",
        "unit": "1/s",
        "values": [95, 99, 88],
        "median": 95,
        "spread": [88, 99],
        "compared_with": "no cookie",
        "baseline": [100, 110, 90],
        "ratio": 0.95,
        "ratio_spread": [0.9, 88 / 90],
        "target": "≥ 0.9",
        "met": True,
    }


def test_a_result_comes_back_from_its_file(tmp_path: Path) -> None:
    found = result.of("good", 3, 1.0, FIGURES)
    assert result.load(result.save(found, tmp_path)) == found


def test_a_result_does_not_name_the_machine() -> None:
    assert not {"node", "hostname"} & set(machine.describe())


def test_the_table_shows_figure_target_and_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner(tmp_path).run([GOOD])
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "lmdb" in line]
    cells = [cell.strip() for cell in row.strip("│").split("│")]
    assert cells == [
        "handshakes",
        "lmdb",
        "95 1/s",
        "88 to 99",
        "0.95",
        "0.9 to 0.978",
        "no cookie",
        "≥ 0.9",
        "met",
    ]


def test_one_that_fails_is_told_and_leaves_the_others_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not runner(tmp_path).run([BAD, GOOD])
    assert "bad failed: RuntimeError: the disk is on fire" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["good.json"]


def test_the_page_gets_a_section_with_chart_table_and_machine(tmp_path: Path) -> None:
    (tmp_path / document.PAGE).write_text("# Benchmarks\n\nBy hand.\n")
    document.publish(GOOD, result.of("good", 3, 1.0, FIGURES), tmp_path)
    page = (tmp_path / document.PAGE).read_text()
    assert page.startswith("# Benchmarks\n\nBy hand.\n")
    assert "## A good one" in page
    assert "\nHow it is measured.\n\n`make bench ONLY=good`\n" in page
    assert "| handshakes | lmdb | 95 1/s | 88 to 99 | 0.95 |" in page
    assert f"crossbar {machine.describe()['crossbar']}" in page
    assert "![A good one](charts/good.svg)" in page
    chart = (tmp_path / "charts" / "good.svg").read_text()
    assert all(text in chart for text in ("lmdb", "memory (Crossbar)", "≥ 0.9"))


def test_a_new_result_takes_the_place_of_the_old_one_alone(tmp_path: Path) -> None:
    (tmp_path / document.PAGE).write_text("# Benchmarks\n")
    other = Benchmark("other", "Another one", succeed)
    for benchmark, value in ((GOOD, 1.0), (other, 2.0), (GOOD, 3.0)):
        figures = [Figure("anything", "lmdb", "ms", [value])]
        document.publish(benchmark, result.of(benchmark.name, 3, 1.0, figures), tmp_path)
    page = (tmp_path / document.PAGE).read_text()
    assert page.count("## A good one") == page.count("## Another one") == 1
    assert "| 1 ms |" not in page
    assert page.index("| 3 ms |") < page.index("| 2 ms |")


def test_the_same_result_draws_the_same_chart(tmp_path: Path) -> None:
    found = result.of("good", 3, 1.0, FIGURES)
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / document.PAGE).write_text("# Benchmarks\n")
        document.publish(GOOD, found, tmp_path / place)
    one, two = (tmp_path / place / "charts" / "good.svg" for place in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
