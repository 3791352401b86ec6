"""The README's short table: a row for each target, from the results of the last run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from benchmarks.document import replaced
from benchmarks.figure import Figure, number
from benchmarks.result import Result

README = Path(__file__).parent.parent / "README.md"
OURS, CROSSBARS = ("lmdb", "file"), ("file (Crossbar)", "database (Crossbar)")
STORES = (*OURS, *CROSSBARS)
HEAD = ("", "target", "`lmdb`", "`file`", "Crossbar's `file`", "Crossbar's `database`")


@frozen
class Row:
    """`cases` are those of the benchmark's figures that stand in the columns, by store."""

    what: str
    benchmark: str
    metric: str
    cases: Mapping[str, str] = field(factory=lambda: dict(zip(STORES, STORES, strict=True)))


ROWS = (
    Row("handshakes/s with a new cookie¹", "handshakes", "new-cookie handshakes"),
    Row("the same where a disk flush takes 4 ms¹", "slow_flush", "new-cookie handshakes"),
    Row("handshakes/s with a returning cookie¹", "handshakes", "returning-cookie handshakes"),
    Row("joins/s by ticket, 4 ms flush¹", "joins", "ticket joins"),
    Row(
        "99th percentile of a call, 150 new cookies/s, 4 ms flush¹",
        "calls",
        "99th percentile of a call",
    ),
    Row("longest stall of the reactor, sweep of a million", "sweep", "longest stall"),
    Row("the same, compaction of 500 MB", "compaction", "longest stall"),
    Row("look-ups/s²", "lookups", "look-ups"),
    Row(
        "durable new cookies/s, 64 at a time²",
        "commits",
        "new cookies",
        {store: f"{store}, 64 at a time" for store in OURS},
    ),
    Row("time to open with a million cookies³", "opening", "time to open"),
    Row("memory for that³", "opening", "memory"),
    Row("bytes on disk for a cookie with a login²", "disk", "bytes, with what both keep"),
    Row(
        "look-up among 10,000,000, to one among 10,000",
        "scaling",
        "look-up",
        {"lmdb": "10,000,000 cookies"},
    ),
    Row(
        "what the plugin adds to the start of a node",
        "start",
        "added by the plugin",
        {"lmdb": "crossbar-cookietrack"},
    ),
)


def publish(result: Result, readme: Path = README) -> None:
    """Bring the rows of one benchmark up to date with `result`; the others stay."""
    text = readme.read_text()
    rows = {row.what: line for row in ROWS if (line := _line_of(row.what, text))}
    rows |= {row.what: _line(row, result) for row in ROWS if row.benchmark == result.benchmark}
    lines = [rows[row.what] for row in ROWS if row.what in rows]
    table = "\n".join([_cells(HEAD), _cells(["---"] * len(HEAD)), *lines])
    readme.write_text(replaced(text, "figures", f"\n{table}\n"))


def _line_of(what: str, text: str) -> str | None:
    found = (line for line in text.splitlines() if line.startswith(f"| {what} |"))
    return next(found, None)


def _line(row: Row, result: Result) -> str:
    figures = {figure.case: figure for figure in result.figures if figure.metric == row.metric}
    shown = [figures.get(row.cases.get(store, "")) for store in STORES]
    targets = dict.fromkeys(_target(figure) for figure in shown if figure and figure.target)
    return _cells([row.what, "; ".join(targets), *map(_shown, shown)])


def _target(figure: Figure) -> str:
    return f"{figure.target}" if figure.compared_with else f"{figure.target} {figure.unit}"


def _shown(figure: Figure | None) -> str:
    if figure is None:
        return ""
    return f"{number(figure.value)} {figure.unit}" if figure.ratio is None else number(figure.ratio)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
