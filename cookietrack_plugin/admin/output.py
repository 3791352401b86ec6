"""What a command prints: JSON for programs, columns for people, and nothing else on stdout."""

import json
import os
import select
import sys
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
_STYLES = {"ok": "green", "mended": "cyan", "warning": "yellow", "error": "bold red"}


class NobodyReads(Exception):
    """The reader of stdout has closed it, such as `head` does: what would follow goes nowhere."""


def console(stderr: bool = False) -> "Console":
    """rich's console for stdout or stderr, as these are now: a test replaces them."""
    # rich takes longer to import than all the rest, and --json does not need it.
    from rich.console import Console

    class ReadConsole(Console):
        def on_broken_pipe(self) -> None:
            raise _nobody_reads()

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else ENDLESS
    return ReadConsole(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def print_row(line: str) -> None:
    """
    Print a line of many.

    :raises NobodyReads: so the caller need not go on.
    :raises ClickException: it cannot be written, such as to a full disk.
    """
    try:
        click.echo(line)
    except BrokenPipeError as error:
        raise _nobody_reads() from error
    except OSError as error:
        raise click.ClickException(f"the output cannot be written: {error.strerror}") from error


def print_line(line: str) -> None:
    """Print a line of a result. If nobody reads it, the command goes on, for its exit code."""
    with suppress(NobodyReads):
        print_row(line)


def print_json(value: Any) -> None:
    """Print one line of JSON. Bytes become a string of NUL and base64, as in WAMP."""
    print_line(json_line(value))


def json_line(value: Any) -> str:
    """What `print_json` prints."""
    return json.dumps(value, default=_data)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> int:
    """
    Print rows as they come, any number of them, each on one line; how many there were.

    On a terminal, lines that are too long end in an ellipsis: the first column is the one to keep.
    """
    iterator = iter(rows)
    page = [_clean(row) for row in islice(iterator, PAGE)]
    if not page:
        return 0
    print_cells = _row_printer(_widths([columns, *page]))
    print_cells(columns, "bold")
    count = 0
    for row in chain(page, map(_clean, iterator)):
        print_cells(row)
        count += 1
    return count


def print_fields(*groups: Mapping[str, str]) -> None:
    """Print a value a line, behind its name; the values of all groups in one column."""
    width = max(map(len, chain.from_iterable(groups)))
    for name, value in chain.from_iterable(group.items() for group in groups):
        print_line(f"{name:{width}}{GAP}{printable(value)}")


def print_finding(finding: Finding, before: str = "") -> None:
    """One line: how it is, what was looked at, and what was found; `before` stands in front."""
    screen = console()
    level, text = f"{finding.level:8}", printable(f"{finding.about}: {finding.message}")
    if not screen.is_terminal:
        print_line(before + level + text)
        return
    from rich.text import Text

    line = Text(before).append(level, _STYLES[finding.level]).append(text)
    with suppress(NobodyReads):
        screen.print(line)


def note(text: str) -> None:
    """Print something that is no result, on stderr."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


def discard_output() -> None:
    """Let stdout lead nowhere: otherwise the interpreter complains when it flushes it."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def is_unread() -> bool:
    """Whether stdout is a pipe that nobody reads any more."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


@contextmanager
def progress_bar(task: str, total: int, quiet: bool) -> Iterator[Callable[[int], object]]:
    """
    Show a bar on stderr within the block, on a terminal and unless `quiet`. Gives a function to
    call with how many more are done.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda count: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (f"{task:10}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as progress:
        bar = progress.add_task(task, total=total)
        yield lambda count: progress.advance(bar, count)


def _row_printer(widths: Sequence[int]) -> Callable[..., None]:
    from rich.cells import cell_len
    from rich.text import Text

    screen = console()

    def print_cells(cells: Sequence[str], style: str = "") -> None:
        pairs = zip(cells, widths, strict=True)
        line = GAP.join(cell + " " * (width - cell_len(cell)) for cell, width in pairs).rstrip()
        if screen.is_terminal:
            screen.print(Text(line, style), no_wrap=True, overflow="ellipsis")
        else:
            print_row(line)

    return print_cells


def _nobody_reads() -> NobodyReads:
    discard_output()
    return NobodyReads("nobody reads the output")


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _clean(row: Sequence[str]) -> list[str]:
    return [printable(cell) for cell in row]


def _data(value: object) -> Any:
    if isinstance(value, bytes | bytearray):
        return "\0" + b64encode(value).decode("ascii")
    return dict(value) if isinstance(value, Mapping) else str(value)
