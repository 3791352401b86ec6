"""The figures of the pages are those of the results that are kept in the repository."""

import re
import shutil
from pathlib import Path

import pytest

from benchmarks import document, result, summary
from benchmarks.__main__ import MINIMUM_ROUNDS
from benchmarks.figure import Figure
from benchmarks.registry import Benchmark, benchmarks
from benchmarks.result import Result

CHARTS = document.DOCS / document.CHARTS


def stale(benchmark: Benchmark, found: Result, docs: Path, readme: Path, scratch: Path) -> set[str]:
    """Which files differ from what `found` makes of them. They are made again in `scratch`."""
    (scratch / document.CHARTS).mkdir(parents=True)
    pages = {docs / document.PAGE: scratch / document.PAGE, readme: scratch / "README.md"}
    for page, copy in pages.items():
        shutil.copy(page, copy)
    document.publish(benchmark, found, scratch)
    summary.publish(found, scratch / "README.md")
    differing = {page.name for page, copy in pages.items() if page.read_text() != copy.read_text()}
    drawn = [path.name for path in (scratch / document.CHARTS).iterdir()]
    charts = docs / document.CHARTS
    return differing | {
        name for name in drawn if texts(charts / name) != texts(scratch / document.CHARTS / name)
    }


def texts(chart: Path) -> list[str]:
    """What a chart says. Where it says it depends on the version of matplotlib."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", chart.read_text()) if chart.exists() else []


@pytest.mark.parametrize("name", sorted(benchmarks()))
def test_the_pages_have_the_figures_of_the_result(name: str, tmp_path: Path) -> None:
    path = result.DIRECTORY / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no result is kept: make bench ONLY={name} writes {path.name}")
    found = result.load(path)
    assert found.benchmark == name
    assert found.scale == 1
    assert found.rounds >= MINIMUM_ROUNDS
    assert stale(benchmarks()[name], found, document.DOCS, summary.README, tmp_path) == set()


def test_no_result_is_of_something_else() -> None:
    assert {path.stem for path in result.DIRECTORY.glob("*.json")} <= set(benchmarks())


@pytest.fixture
def published(tmp_path: Path) -> tuple[Benchmark, Result, Path]:
    """A benchmark, a result, and a folder with pages that it was written into."""
    benchmark = benchmarks()["sweep"]
    figures = [Figure("longest stall", case, "ms", [4, 5, 6]) for case in ("memory", "lmdb")]
    made = result.of("sweep", MINIMUM_ROUNDS, 1.0, figures)
    found = result.load(result.save(made, tmp_path / "results"))
    docs = tmp_path / "docs"
    docs.mkdir()
    shutil.copy(document.DOCS / document.PAGE, docs)
    shutil.copy(summary.README, docs)
    document.publish(benchmark, found, docs)
    summary.publish(found, docs / "README.md")
    return benchmark, found, docs


def test_what_was_published_is_not_stale(
    published: tuple[Benchmark, Result, Path], tmp_path: Path
) -> None:
    benchmark, found, docs = published
    assert stale(benchmark, found, docs, docs / "README.md", tmp_path / "again") == set()


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        (document.PAGE, "| longest stall | lmdb | 5 ms | 4 to 6 |"),
        ("README.md", "| longest stall, a million expire | ms | lower | 5 |"),
        (f"{document.CHARTS}/sweep.svg", "> 5</text>"),
    ],
)
def test_a_figure_that_was_changed_by_hand_is_found(
    published: tuple[Benchmark, Result, Path], tmp_path: Path, name: str, figure: str
) -> None:
    benchmark, found, docs = published
    text = (docs / name).read_text()
    assert figure in text
    (docs / name).write_text(text.replace(figure, figure.replace("5", "3", 1)))
    changed = stale(benchmark, found, docs, docs / "README.md", tmp_path / "again")
    assert changed == {Path(name).name}
