"""Durable commits."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from benchmarks import crossbars, stored
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Create

BATCH = 64
SECONDS = 0.5
DATABASE = "database (Crossbar), one at a time"


@benchmark("commits", "New cookies a second, durable")
def measure(bench: Bench) -> list[Figure]:
    """
    Cookies a second that are created, as in handshakes: nobody has logged in with them yet; and
    flushed to the disk, in commits of 64, and of 1. Crossbar's `database` knows single ones only.
    """
    with ExitStack() as stack:
        database = stack.enter_context(crossbars.database(bench.directory / "database"))
        seconds = bench.seconds(SECONDS)
        cases = {DATABASE: lambda: _rate(database.create, 1, seconds)}
        numbers = itertools.count()
        for label, options in bench.durable().items():
            store = stack.enter_context(stored.opened(options, bench.place(label)))
            for batch in (BATCH, 1):
                commit = _commits(store, batch, numbers)
                cases[f"{label}, {batch} at a time"] = lambda commit=commit, batch=batch: _rate(
                    commit, batch, seconds
                )
        values = bench.interleaved(cases)
    return [_figure(label, values) for label in values]


def _commits(store: ICookieStore, batch: int, numbers: Iterator[int]) -> Callable[[], object]:
    def commit() -> None:
        cookies = (stored.anonymous(next(numbers)) for _ in range(batch))
        store.commit([Create(cookie) for cookie in cookies])

    return commit


def _rate(commit: Callable[[], object], cookies: int, seconds: float) -> float:
    """Cookies a second; making them counts too, as it does for Crossbar's."""
    began, done = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - began) < seconds:
        commit()
        done += cookies
    return done / elapsed


def _figure(label: str, values: dict[str, list[float]]) -> Figure:
    if label == DATABASE:
        return Figure("new cookies", label, "1/s", values[label])
    target = Target("≥", 10) if label == f"lmdb, {BATCH} at a time" else None
    return Figure("new cookies", label, "1/s", values[label], DATABASE, values[DATABASE], target)
