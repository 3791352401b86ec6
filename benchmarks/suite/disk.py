"""Room on the disk."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import evolve

from benchmarks import crossbars, stored
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create

COOKIES = 20_000
BATCH = 64
DATABASE = "database (Crossbar)"
SAME, WHOLE = "bytes, with what both keep", "bytes, with all there is to keep"


@benchmark("disk", "Room on the disk for one authenticated cookie")
def measure(bench: Bench) -> list[Figure]:
    """
    Bytes on the disk, indexes and unused pages included, for each of 20,000 cookies that were
    created and then logged in, in batches of 64. Once with what Crossbar's stores and ours both
    keep, and once with everything that a router gives them. That is Crossbar's `authextra` for its
    own, and the client's address and browser for ours.
    """
    return [
        *_compare(bench, SAME, stored.authenticated, None),
        # Nothing in this varies from run to run: once is enough where no target is judged.
        *_compare(evolve(bench, rounds=1), WHOLE, stored.visited, crossbars.ROUTER_EXTRA),
    ]


def _compare(
    bench: Bench, metric: str, make: Callable[[int], Cookie], extra: Mapping[str, Any] | None
) -> list[Figure]:
    cookies = bench.size(COOKIES)
    cases = {DATABASE: lambda: _database(bench, cookies, extra)}
    for label, options in bench.durable().items():
        cases[label] = lambda options=options: _store(bench, options, cookies, make)
    values = bench.interleaved(cases)
    # What nobody but ours keeps has no target.
    judged = "lmdb" if extra is None else None
    return [_figure(metric, label, values, judged) for label in values]


def _database(bench: Bench, cookies: int, extra: Mapping[str, Any] | None) -> float:
    with tempfile.TemporaryDirectory(dir=bench.directory) as name:
        with crossbars.database(Path(name), sync=False) as database:
            for number in range(cookies):
                crossbars.log_in(database, database.create()[0], number, extra)
        return stored.bytes_on_disk(Path(name)) / cookies


def _store(bench: Bench, options: Options, cookies: int, make: Callable[[int], Cookie]) -> float:
    with tempfile.TemporaryDirectory(dir=bench.directory) as name:
        with stored.opened(stored.quick(options), Path(name)) as store:
            for batch in _logins(cookies, make):
                store.commit(batch)
        return stored.bytes_on_disk(Path(name)) / cookies


def _logins(cookies: int, make: Callable[[int], Cookie]) -> Iterator[list[Change]]:
    """A batch of new cookies, and then one of their logins, and so on."""
    numbers = iter(range(cookies))
    while made := [make(number) for number in islice(numbers, BATCH)]:
        yield [Create(evolve(cookie, auth=None)) for cookie in made]
        yield [Authenticate(cookie.id, cookie.auth, cookie.seen) for cookie in made]


def _figure(
    metric: str, label: str, values: Mapping[str, list[float]], judged: str | None
) -> Figure:
    if label == DATABASE:
        return Figure(metric, label, "B", values[label])
    target = Target("≤", 0.5) if label == judged else None
    return Figure(metric, label, "B", values[label], DATABASE, values[DATABASE], target)
