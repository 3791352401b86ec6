"""Look-ups of one cookie."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from benchmarks import crossbars, stored
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

COOKIES = 20_000
LOOKUPS = 40_000
DATABASE = "database (Crossbar)"


@benchmark("lookups", "Look-ups of one authenticated cookie a second")
def measure(bench: Bench) -> list[Figure]:
    """
    `load` of one id, with the login decoded, out of 20,000 authenticated cookies, in random order;
    for Crossbar's `database` its `getAuth`, which reads and decodes the same.
    """
    cookies = bench.size(COOKIES)
    with ExitStack() as stack:
        cases = {DATABASE: _database(bench, stack, cookies)}
        for label, options in bench.stores.items():
            bench.tell(f"filling {label}")
            store = stack.enter_context(stored.opened(options, bench.place(label)))
            stored.fill(store, cookies)
            ids = [stored.identifier(number) for number in range(cookies)]
            cases[label] = _rate(
                bench, ids, lambda id, load=store.load: load((id,))[id].auth.authid
            )
        values = bench.interleaved(cases)
    return [_figure(label, values) for label in values]


def _database(bench: Bench, stack: ExitStack, cookies: int) -> Callable[[], float]:
    bench.tell(f"filling {DATABASE}")
    database = stack.enter_context(crossbars.database(bench.directory / "database", sync=False))
    issued = [database.create()[0] for _ in range(cookies)]
    for number, value in enumerate(issued):
        crossbars.log_in(database, value, number)
    return _rate(bench, issued, lambda value: database.getAuth(value)[0])


def _rate(bench: Bench, ids: Sequence[str], look_up: Callable[[str], Any]) -> Callable[[], float]:
    order = random.Random(1).choices(ids, k=bench.size(LOOKUPS))

    def measure() -> float:
        return len(order) / stored.seconds(lambda: [look_up(id) for id in order])

    return measure


def _figure(label: str, values: dict[str, list[float]]) -> Figure:
    if label == DATABASE:
        return Figure("look-ups", label, "1/s", values[label])
    target = Target("≥", 10) if label == "lmdb" else None
    return Figure("look-ups", label, "1/s", values[label], DATABASE, values[DATABASE], target)
