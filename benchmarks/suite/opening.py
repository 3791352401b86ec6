"""Opening a store in which there is much."""

import gc
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import crossbars, fresh, stored
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.registry import find_provider

COOKIES = 1_000_000
CROSSBAR = "file (Crossbar)"
MIB = 2**20


@benchmark("opening", "Opening a store with 1,000,000 authenticated cookies")
def measure(bench: Bench) -> list[Figure]:
    """
    The time until the store is open, and what the memory of a fresh process grows by until then.
    The files are in the page cache. Crossbar's file has a line for each new cookie and one for each
    login, as its store writes them; ours were written by the stores themselves. `lmdb` is judged by
    itself, `file` in relation to Crossbar's.
    """
    openings = {CROSSBAR: Openings(open_crossbars, path=str(_fill_crossbars(bench)))}
    for label, options in bench.durable().items():
        place = _fill(bench, label, options)
        openings[label] = Openings(open_ours, options=dict(options), place=str(place))
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


def _fill(bench: Bench, label: str, options: Options) -> Path:
    bench.tell(f"filling {label}")
    place = bench.place(label)
    with stored.opened(options, place) as store:
        stored.fill(store, bench.size(COOKIES), tell=bench.tell)
    return place


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


def open_crossbars(path: str) -> Mapping[str, float]:
    return _opening(lambda: crossbars.open_file(Path(path)))


def open_ours(options: Options, place: str) -> Mapping[str, float]:
    provider = find_provider(options["type"])
    return _opening(lambda: provider.open(options, place))


def _opening(open_store: Callable[[], Any]) -> Mapping[str, float]:
    gc.collect()
    before, began = fresh.memory(), time.perf_counter()
    store = open_store()
    took = time.perf_counter() - began
    grown = fresh.memory() - before
    assert store is not None
    return {"ms": took * 1e3, "MiB": grown / MIB}
