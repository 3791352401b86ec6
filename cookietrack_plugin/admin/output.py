"""What a command prints: JSON for programs, columns for people, and nothing else on stdout."""

import json
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

import click

from cookietrack_plugin.admin.finding import Finding
from cookietrack_plugin.admin.text import printable

if TYPE_CHECKING:
    from rich.console import Console

# Rows after which columns do not become wider any more.
PAGE = 100
# Columns where stdout is no terminal: a program reads it, and nothing may be cut off.
ENDLESS = 1_000_000
GAP = "  "
_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def console(stderr: bool = False) -> "Console":
    """rich's console for stdout or stderr, as these are now: a test replaces them."""
    # rich takes longer to import than all the rest, and --json does not need it.
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else ENDLESS
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def print_json(value: Any) -> None:
    """One line. Bytes become what WAMP makes of them in JSON: a string of NUL and base64."""
    click.echo(json.dumps(value, default=_data))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """
    Print rows as they come, any number of them, each on one line; how many there were.

    On a terminal, lines that are too long end in an ellipsis: the first column is the one to keep.
    """
    iterator = iter(rows)
    page = [_clean(row) for row in islice(iterator, PAGE)]
    if not page:
        return 0
    print_line = _line_printer(_widths([columns, *page]))
    print_line(columns, "bold")
    count = 0
    for row in chain(page, map(_clean, iterator)):
        print_line(row)
        count += 1
    return count


def print_fields(fields: Mapping[str, str]) -> None:
    """Print a value a line, behind its name."""
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name:{width}}{GAP}{printable(value)}")


def print_finding(finding: Finding) -> None:
    """One line: how it is, what was looked at, and what was found."""
    from rich.text import Text

    line = Text(f"{finding.level:8}", _STYLES[finding.level])
    console().print(line.append(printable(f"{finding.about}: {finding.message}"), style="none"))


def note(text: str) -> None:
    """Say something that is no result: on stderr."""
    click.echo(printable(text), err=True)


@contextmanager
def progress_bar(task: str, total: int, quiet: bool) -> Iterator[Callable[[int], object]]:
    """
    A bar on stderr within the block, if a terminal is there and `quiet` is not wanted.

    :returns: a function to call with how many more are done.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (f"{task:10}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda count: progress.advance(bar, count)


def _line_printer(widths: Sequence[int]) -> Callable[..., None]:
    from rich.cells import cell_len
    from rich.text import Text

    screen = console()

    def print_line(cells: Sequence[str], style: str = "") -> None:
        pairs = zip(cells, widths, strict=True)
        line = GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in pairs).rstrip()
        if screen.is_terminal:
            screen.print(Text(line, style), no_wrap=True, overflow="ellipsis")
        else:
            click.echo(line)

    return print_line


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _clean(row: Sequence[str]) -> list[str]:
    return [printable(cell) for cell in row]


def _data(value: object) -> Any:
    if isinstance(value, bytes | bytearray):
        return "\0" + b64encode(value).decode("ascii")
    return dict(value) if isinstance(value, Mapping) else str(value)
