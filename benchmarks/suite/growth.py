"""How the cost of a store grows with what is in it."""

import random
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from itertools import count
from typing import Any

from attrs import evolve

from benchmarks import servers, stored
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore

SIZES = (10_000, 100_000, 1_000_000)
# As many handshakes as share a round trip under load.
BATCH = 64
BATCHES = 20
FIRST_NEW = 2**40


@benchmark("growth", "Stores with 10,000, 100,000 and 1,000,000 cookies")
def measure(bench: Bench) -> list[Figure]:
    """
    In `lmdb`, and in PostgreSQL and Redis of the benchmark's own, which flush each commit: the time
    of a look-up and of a new cookie, in batches of 64 as they come under load; of listing what one
    user has, as `cookietrack ls --authid` and `revoke --authid` do; and of counting all. Each size
    has a directory, a table, or a prefix of its own.
    """
    figures = _growing(bench, "lmdb", {"type": "lmdb"}, "path")
    with servers.postgresql() as (_, options):
        figures += _growing(bench, "PostgreSQL", options, "table")
    with servers.redis() as (_, options):
        return [*figures, *_growing(bench, "Redis", options, "prefix")]


def _growing(bench: Bench, label: str, options: Options, name: str) -> list[Figure]:
    """`name` is the option that gives a store a place of its own."""
    with ExitStack() as stack:
        stores = {}
        for size in map(bench.size, SIZES):
            own = {**options, name: f"cookies{size}"}
            stores[size] = stack.enter_context(stored.opened(own, bench.place(label)))
            stored.fill(stores[size], size, tell=lambda text: bench.tell(f"{label} {text}"))
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
    return _microseconds(lambda: [list(store.scan(user)) for user in users]) / BATCHES


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
