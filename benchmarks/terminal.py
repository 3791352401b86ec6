"""What a run shows: its progress, and a table for each benchmark."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from benchmarks import rows
from benchmarks.estimate import Estimate
from benchmarks.registry import Benchmark
from benchmarks.result import Result

STYLES = {rows.MET: "green", rows.NOT_MET: "bold red"}


def table(benchmark: Benchmark, result: Result) -> Table:
    shown = Table(title=f"{benchmark.name}: {benchmark.title}", title_justify="left")
    for column in rows.COLUMNS:
        shown.add_column(column, justify="right" if column in rows.NUMERIC else "left")
    for figure in result.figures:
        *texts, verdict = rows.cells(figure)
        shown.add_row(*texts, verdict, style=STYLES.get(verdict))
    return shown


def failure(benchmark: Benchmark, error: Exception, console: Console) -> None:
    console.print(f"{benchmark.name} failed: {type(error).__name__}: {error}", style="bold red")


@contextmanager
def progress(console: Console, estimate: Estimate) -> Iterator[Callable[[str], None]]:
    """A line that shows how far a run is, until it is over; it is told each step."""
    step = TextColumn("{task.description}")
    columns = SpinnerColumn(), _Share(estimate), step, TimeElapsedColumn(), _Left(estimate)
    with Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task("", total=None)
        yield lambda text: shown.update(task, description=text)


class _Share(ProgressColumn):
    def __init__(self, estimate: Estimate) -> None:
        super().__init__()
        self._estimate = estimate

    def render(self, task: Task) -> ProgressBar:
        return ProgressBar(total=1, completed=self._estimate.share(), width=40)


class _Left(ProgressColumn):
    def __init__(self, estimate: Estimate) -> None:
        super().__init__()
        self._estimate = estimate

    def render(self, task: Task) -> Text:
        return Text(left(self._estimate.left()))


def left(seconds: float) -> str:
    """For people: nobody knows it to the second."""
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes else "less than a minute left"
