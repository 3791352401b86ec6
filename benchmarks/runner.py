"""A run: one benchmark after the other, shown while it goes on, and written down."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from benchmarks import document, result, summary, terminal
from benchmarks.bench import Bench, Options
from benchmarks.estimate import Estimate
from benchmarks.registry import Benchmark, benchmarks
from benchmarks.result import Result
from benchmarks.suite import SECONDS

WIDTH = 170
# Seconds of a benchmark of which nobody has said it.
UNKNOWN = 60.0


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
        succeeded, began = [], time.monotonic()
        estimate = Estimate([SECONDS.get(benchmark.name, UNKNOWN) for benchmark in chosen])
        with _directory() as stock, terminal.progress(self._console, estimate) as show:
            for benchmark in chosen:

                def tell(step: str, name: str = benchmark.name) -> None:
                    show(f"{name}: {step}")

                succeeded.append(self._one(benchmark, stock, tell))
                estimate.advance()
        minutes = (time.monotonic() - began) / 60
        self._console.print(f"{sum(succeeded)} of {len(chosen)} measured in {minutes:.1f} minutes")
        self._point_to_others(chosen)
        return all(succeeded)

    def _point_to_others(self, chosen: Sequence[Benchmark]) -> None:
        others = [each.name for each in benchmarks().values() if each.servers]
        if len(chosen) > 1 and not any(each.servers for each in chosen):
            names = ",".join(others)
            self._console.print(f"Those with PostgreSQL and Redis: make bench ONLY={names}")

    def _one(self, benchmark: Benchmark, stock: Path, tell: Callable[[str], None]) -> bool:
        try:
            found = self._measure(benchmark, stock, tell)
        except Exception as error:  # noqa: BLE001 - it is told, and the others go on
            terminal.failure(benchmark, error, self._console)
            return False
        result.save(found, self._results)
        if self._docs:
            document.publish(benchmark, found)
            summary.publish(found)
        self._console.print(terminal.table(benchmark, found))
        return True

    def _measure(self, benchmark: Benchmark, stock: Path, tell: Callable[[str], None]) -> Result:
        with _directory() as directory:
            bench = Bench(directory, self._rounds, self._scale, self._others, tell, stock)
            figures = benchmark.measure(bench)
        return result.of(benchmark.name, self._rounds, self._scale, figures)


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cookietrack-bench-") as name:
        yield Path(name)
