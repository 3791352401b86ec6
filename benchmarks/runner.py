"""A run: one benchmark after the other, shown while it goes on, and written down."""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from benchmarks import document, result, summary, terminal
from benchmarks.bench import Bench, Options
from benchmarks.registry import Benchmark
from benchmarks.result import Result

WIDTH = 170


class Runner:
    """
    :param others: stores to put beside ours, by label.
    :param results: the directory for the JSON files.
    :param docs: whether the documentation is brought up to date.
    """

    def __init__(
        self,
        rounds: int,
        scale: float,
        others: Mapping[str, Options],
        results: Path,
        docs: bool,
    ) -> None:
        self._rounds = rounds
        self._scale = scale
        self._others = others
        self._results = results
        self._docs = docs
        console = Console()
        # In a log file nothing makes room for the tables.
        self._console = console if console.is_terminal else Console(width=WIDTH)

    def run(self, chosen: Sequence[Benchmark]) -> bool:
        """Whether each of them could be measured; one that could not leaves the others alone."""
        text = TextColumn("{task.description}")
        columns = SpinnerColumn(), BarColumn(), text, TimeElapsedColumn()
        succeeded, began = [], time.monotonic()
        with Progress(*columns, console=self._console, transient=True) as progress:
            task = progress.add_task("", total=len(chosen))

            for benchmark in chosen:

                def tell(step: str, name: str = benchmark.name) -> None:
                    progress.update(task, description=f"{name}: {step}")

                succeeded.append(self._one(benchmark, tell))
                progress.advance(task)
        minutes = (time.monotonic() - began) / 60
        self._console.print(f"{sum(succeeded)} of {len(chosen)} measured in {minutes:.1f} minutes")
        return all(succeeded)

    def _one(self, benchmark: Benchmark, tell: Callable[[str], None]) -> bool:
        try:
            found = self._measure(benchmark, tell)
        except Exception as error:  # noqa: BLE001 - it is told, and the others go on
            terminal.failure(benchmark, error, self._console)
            return False
        result.save(found, self._results)
        if self._docs:
            document.publish(benchmark, found)
            summary.publish(found)
        self._console.print(terminal.table(benchmark, found))
        return True

    def _measure(self, benchmark: Benchmark, tell: Callable[[str], None]) -> Result:
        with tempfile.TemporaryDirectory(prefix="cookietrack-bench-") as directory:
            bench = Bench(Path(directory), self._rounds, self._scale, self._others, tell)
            figures = benchmark.measure(bench)
        return result.of(benchmark.name, self._rounds, self._scale, figures)
