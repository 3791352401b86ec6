"""Opening a store in which there is much."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import crossbars, fresh, opened, stock
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

COOKIES = 1_000_000
CROSSBAR = "file (Crossbar)"


@benchmark("opening", "Opening a store with 1,000,000 authenticated cookies")
def measure(bench: Bench) -> list[Figure]:
    """
    The time until the store is open, and what the memory of a fresh process grows by until then.
    The files are in the page cache. Crossbar's file has a line for each new cookie and one for each
    login, as its store writes them; ours were written by the stores themselves. `lmdb` is judged by
    itself, `file` in relation to Crossbar's.
    """
    openings = {CROSSBAR: Openings(opened.crossbars, path=str(_fill_crossbars(bench)))}
    stock.supply(bench, bench.durable(), bench.size(COOKIES))
    for label, options in bench.durable().items():
        place = str(bench.place(label))
        openings[label] = Openings(opened.ours, options=dict(options), place=place)
    bench.interleaved({label: found.one for label, found in openings.items()})
    return [
        *_figures("time to open", "ms", openings, Target("≤", 50)),
        *_figures("memory", "MiB", openings, Target("≤", 20)),
    ]


class Openings:
    """Opens one store, each time in a process of its own, and keeps what was found."""

    def __init__(self, measure: Callable[..., Mapping[str, float]], **arguments: Any) -> None:
        self._measure = partial(fresh.run, measure, **arguments)
        self.found: list[Mapping[str, float]] = []

    def one(self) -> float:
        self.found.append(self._measure())
        return self.found[-1]["ms"]

    def values(self, unit: str) -> list[float]:
        return [opening[unit] for opening in self.found]


def _fill_crossbars(bench: Bench) -> Path:
    bench.tell(f"filling {CROSSBAR}")
    path = bench.directory / "crossbar.dat"
    crossbars.write_file(path, bench.size(COOKIES))
    return path


def _figures(
    metric: str, unit: str, openings: Mapping[str, Openings], absolute: Target
) -> list[Figure]:
    theirs = openings[CROSSBAR].values(unit)
    figures = []
    for label, found in openings.items():
        compared = label not in (CROSSBAR, "lmdb")
        baseline = (CROSSBAR, theirs) if compared else (None, ())
        target = {"lmdb": absolute, "file": Target("≤", 0.25)}.get(label)
        figures.append(Figure(metric, label, unit, found.values(unit), *baseline, target=target))
    return figures
