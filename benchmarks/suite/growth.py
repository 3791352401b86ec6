"""How the cost of a store grows with what is in it."""

import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any

from attrs import evolve

from benchmarks import servers, stock, stored
from benchmarks.bench import OURS, Bench, Options
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.stores.kit.paging import records

SIZES = (10_000, 100_000, 1_000_000)
# As many handshakes as share a round trip under load.
BATCH = 64
BATCHES = 20
FIRST_NEW = 2**40


@benchmark("growth", "Stores with 10,000, 100,000 and 1,000,000 cookies", servers=True)
def measure(bench: Bench) -> list[Figure]:
    """
    In `lmdb`, and in PostgreSQL and Redis of the benchmark's own, which flush each commit. It
    measures the time of a look-up and of a new cookie, in batches of 64 as they come under load. It
    also measures listing what one user has, as `cookietrack ls --authid` and `revoke --authid` do,
    and counting all. Each size has a directory, a table, or a prefix of its own.
    """
    sizes = [bench.size(size) for size in SIZES]
    with servers.postgresql() as (_, sql), servers.redis() as (_, redis):
        options = {
            "lmdb": dict.fromkeys(sizes, OURS["lmdb"]),
            "PostgreSQL": {size: {**sql, "table": f"cookies{size}"} for size in sizes},
            "Redis": {size: {**redis, "prefix": f"cookies{size}"} for size in sizes},
        }
        _fill(bench, options)
        return [figure for each in options.items() for figure in _growing(bench, *each)]


def _fill(bench: Bench, options: Mapping[str, Mapping[int, Options]]) -> None:
    for size, lmdb in options["lmdb"].items():
        stock.supply(_of(bench, size), {"lmdb": lmdb}, size)
    bench.tell("filling PostgreSQL and Redis")
    stock.fill_all(
        stock.Filling(options[label][size], _of(bench, size).place(label), size)
        for size in sorted(options["lmdb"], reverse=True)
        for label in ("PostgreSQL", "Redis")
    )


def _of(bench: Bench, size: int) -> Bench:
    """With a directory of its own for a size."""
    return evolve(bench, directory=bench.directory / str(size))


def _growing(bench: Bench, label: str, options: Mapping[int, Options]) -> list[Figure]:
    with ExitStack() as stack:
        stores = {
            size: stack.enter_context(stored.opened(each, _of(bench, size).place(label)))
            for size, each in options.items()
        }
        return _figures(bench, label, stores)


def _figures(bench: Bench, label: str, stores: Mapping[int, ICookieStore]) -> list[Figure]:
    numbers = count(FIRST_NEW)
    return [
        *_compared(bench, f"{label}, look-up", stores, _look_up),
        *_compared(bench, f"{label}, one user's cookies", stores, _list),
        *_compared(bench, f"{label}, count", stores, lambda store, _: _microseconds(store.stat)),
        *_compared(bench, f"{label}, new cookie", stores, lambda *case: _create(numbers, *case)),
    ]


def _compared(
    bench: Bench,
    metric: str,
    stores: Mapping[int, ICookieStore],
    measure: Callable[[ICookieStore, int], float],
) -> list[Figure]:
    cases = {
        f"{size:,} cookies": lambda store=store, size=size: measure(store, size)
        for size, store in stores.items()
    }
    values = bench.interleaved(cases)
    smallest = next(iter(values))
    return [
        Figure(metric, case, "µs", found, *_baseline(case, smallest, values))
        for case, found in values.items()
    ]


def _baseline(case: str, smallest: str, values: Mapping[str, list[float]]) -> tuple[Any, ...]:
    return () if case == smallest else (smallest, values[smallest])


def _look_up(store: ICookieStore, size: int) -> float:
    wanted = [
        [stored.identifier(random.randrange(size)) for _ in range(BATCH)] for _ in range(BATCHES)
    ]
    return _each(lambda: [store.load(ids) for ids in wanted])


def _list(store: ICookieStore, size: int) -> float:
    users = [f"user{random.randrange(size)}" for _ in range(BATCHES)]
    return _microseconds(lambda: [list(records(store, user)) for user in users]) / BATCHES


def _create(numbers: "count[int]", store: ICookieStore, size: int) -> float:
    batches = [
        [evolve(stored.visited(next(numbers)), auth=None) for _ in range(BATCH)]
        for _ in range(BATCHES)
    ]
    return _each(lambda: [stored.create(store, batch) for batch in batches])


def _each(action: Callable[[], Any]) -> float:
    return _microseconds(action) / (BATCH * BATCHES)


def _microseconds(action: Callable[[], Any]) -> float:
    return stored.seconds(action) * 1e6
