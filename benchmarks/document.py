"""The generated parts of docs/benchmarks.md: what stands between the marks of each benchmark."""

import re
from collections.abc import Iterable
from pathlib import Path

from benchmarks import charts, rows
from benchmarks.registry import Benchmark
from benchmarks.result import Result

DOCS = Path(__file__).parent.parent / "docs"
PAGE = "benchmarks.md"
CHARTS = "charts"


def publish(benchmark: Benchmark, result: Result, docs: Path = DOCS) -> None:
    """Bring a benchmark's section, and its chart, up to date with `result`."""
    chart = charts.draw(result, docs / CHARTS)
    page = docs / PAGE
    page.write_text(with_section(page.read_text(), benchmark, result, chart))


def with_section(text: str, benchmark: Benchmark, result: Result, chart: Path | None) -> str:
    """
    The page with the benchmark's section in the place of the one it has; a new one goes to the end.
    """
    return replaced(text, benchmark.name, "\n".join(["", *_section(benchmark, result, chart)]))


def replaced(text: str, name: str, part: str) -> str:
    """`text` with `part` between the marks of this name, or at the end where there are none."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    marked = f"{begin}\n{part}\n{end}"
    if begin not in text:
        return f"{text.rstrip()}\n\n{marked}\n"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return between.sub(lambda _: marked, text)


def _section(benchmark: Benchmark, result: Result, chart: Path | None) -> Iterable[str]:
    yield f"## {benchmark.title}"
    yield ""
    yield benchmark.text
    yield ""
    yield f"`make bench ONLY={benchmark.name}`"
    yield ""
    if chart:
        yield f"![{benchmark.title}]({CHARTS}/{chart.name})"
        yield ""
    yield from _table(result)
    yield ""
    yield _origin(result)
    yield ""


def _table(result: Result) -> Iterable[str]:
    yield _line(rows.COLUMNS)
    yield _line("---:" if column in rows.NUMERIC else "---" for column in rows.COLUMNS)
    for figure in result.figures:
        yield _line(rows.cells(figure))


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _origin(result: Result) -> str:
    facts = dict(result.machine)
    place = f"{facts.pop('cpu')}, {facts.pop('cores')} cores, {facts.pop('memory')} of memory"
    versions = ", ".join(f"{name} {version}" for name, version in facts.items())
    return (
        f"<sub>Taken {result.taken[:10]} on {place}; {versions}. Medians and spread of"
        f" {result.rounds} rounds.</sub>"
    )
