"""What a run shows: its progress, and a table for each benchmark."""

from rich.console import Console
from rich.table import Table

from benchmarks import rows
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
