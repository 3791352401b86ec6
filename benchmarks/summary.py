"""The README's short table: what a newcomer asks, from the results of the last run."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import field, frozen

from benchmarks.document import replaced
from benchmarks.figure import Figure, number
from benchmarks.result import Result

README = Path(__file__).parent.parent / "README.md"
OURS, CROSSBARS = ("lmdb", "file"), ("file (Crossbar)", "database (Crossbar)")
STORES = (*OURS, *CROSSBARS)
HEAD = (
    *("", "in", "better", "`lmdb`", "`file`", "Crossbar's `file`", "Crossbar's `database`"),
    "in words",
)
HIGHER, LOWER = "higher", "lower"
_TIMES = "times "
NO_COOKIE, DATABASE = f"{_TIMES}no cookie", f"{_TIMES}Crossbar's `database`"


@frozen
class Row:
    """
    `unit`: of all its numbers; a ratio where it begins with `_TIMES`. `cases`: those of the
    benchmark's figures that stand in the columns, by store. `words`: what it means. `better`: which
    of two numbers is.
    """

    what: str
    unit: str
    words: str
    benchmark: str
    metric: str
    cases: Mapping[str, str] = field(factory=lambda: dict(zip(STORES, STORES, strict=True)))
    better: str = field(default=LOWER, kw_only=True)


ROWS = (
    Row(
        "new visitors a second",
        NO_COOKIE,
        "tracking slows nobody down: what the plugin adds, it saves elsewhere",
        "handshakes",
        "new-cookie handshakes",
        better=HIGHER,
    ),
    Row(
        "the same on a slow disk",
        NO_COOKIE,
        "a flush of 4 ms holds up no visitor",
        "slow_flush",
        "new-cookie handshakes",
        better=HIGHER,
    ),
    Row(
        "returning visitors a second",
        NO_COOKIE,
        "a look-up costs next to nothing",
        "handshakes",
        "returning-cookie handshakes",
        better=HIGHER,
    ),
    Row(
        "logins by ticket a second, slow disk",
        NO_COOKIE,
        "what durable logins cost: each is on disk before its client gets WELCOME",
        "joins",
        "ticket joins",
        better=HIGHER,
    ),
    Row(
        "slowest of 100 calls, slow disk",
        NO_COOKIE,
        "150 new cookies a second are not felt by those who work",
        "calls",
        "99th percentile of a call",
    ),
    Row(
        "longest stall, a million expire",
        "ms",
        "the router goes on while the store is cleaned",
        "sweep",
        "longest stall",
    ),
    Row(
        "longest stall, 500 MB rewritten",
        "ms",
        "and while its file is compacted",
        "compaction",
        "longest stall",
    ),
    Row(
        "look-ups a second",
        DATABASE,
        "how fast the store itself reads",
        "lookups",
        "look-ups",
        dict(zip(STORES[:2], OURS, strict=True)),
        better=HIGHER,
    ),
    Row(
        "durable new cookies a second",
        DATABASE,
        "how fast it writes, 64 in one flush",
        "commits",
        "new cookies",
        {store: f"{store}, 64 at a time" for store in OURS},
        better=HIGHER,
    ),
    Row(
        "opening a million cookies",
        "ms",
        "how long a restart waits for the store",
        "opening",
        "time to open",
    ),
    Row(
        "memory for a million cookies", "MiB", "what the worker keeps of them", "opening", "memory"
    ),
    Row(
        "a cookie with a login on disk",
        "bytes",
        "of what all of them keep",
        "disk",
        "bytes, with what both keep",
    ),
    Row(
        "look-up among 10,000,000",
        f"{_TIMES}one among 10,000",
        "what a thousand times as many cookies add to it",
        "scaling",
        "look-up",
        {"lmdb": "10,000,000 cookies"},
    ),
    Row(
        "start of a node",
        f"{_TIMES}`crossbar`",
        "the same node with Crossbar's own command is 1",
        "start",
        "time to listen",
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
    numbers = [_shown(figure, row.unit) for figure in shown]
    return _cells([row.what, row.unit, row.better, *numbers, row.words])


def _shown(figure: Figure | None, unit: str) -> str:
    if figure is None:
        return ""
    value = figure.ratio if unit.startswith(_TIMES) else figure.value
    return "" if value is None else number(value)


def _cells(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
