"""Logouts on databases that are some milliseconds away."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count

from attrs import evolve

from benchmarks import forwarder, servers, stored
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Delete

NODES = 4
BATCHES = 60
SIZES = (1, 50)
ROUND_TRIPS_MS = (1, 4)
SERVERS = {"PostgreSQL": servers.postgresql, "MariaDB": servers.mariadb}
# Changes that prepare a measurement, at once.
MANY = 1000


@benchmark("logouts", "Commits of logouts a second, to those of logins", servers=True)
def measure(bench: Bench) -> list[Figure]:
    """
    Four nodes, each with a store of its own on one PostgreSQL or MariaDB of the benchmark's own,
    commit logins as quickly as they can. Then they commit the logouts of the same cookies: one at
    a time, and 50. A forwarder between them and the server makes a round trip take 1 or 4 ms
    longer.
    """
    figures = []
    with ExitStack() as stack:
        for label, server in SERVERS.items():
            process, options = stack.enter_context(server())
            for ms in ROUND_TRIPS_MS:
                far = stack.enter_context(forwarder.to(process.port, ms / 1000))
                url = options["url"].replace(f":{process.port}/", f":{far.port}/")
                nodes = Nodes(stack, bench, {**options, "url": url}, f"{label}-{ms}")
                for size in SIZES:
                    figures += _compared(bench, nodes, size, f"{label}, {ms} ms, {size} at a time")
    return figures


class Nodes:
    """Stores of several nodes on one server, each with cookies of its own."""

    _numbers = count()

    def __init__(self, stack: ExitStack, bench: Bench, options: Options, place: str) -> None:
        self._stores = [
            stack.enter_context(stored.opened(options, bench.place(f"{place}-{number}")))
            for number in range(NODES)
        ]
        self._pool = stack.enter_context(ThreadPoolExecutor(NODES))

    def rates(self, batches: int, size: int) -> tuple[float, float]:
        """Commits of logins a second of all nodes together, and of logouts."""
        shares = [self._new(batches * size) for _ in self._stores]
        self._rate([[Create(evolve(each, auth=None)) for each in share] for share in shares], MANY)
        return (
            self._rate([list(map(_login, share)) for share in shares], size),
            self._rate([[Delete(each.id) for each in share] for share in shares], size),
        )

    def _new(self, count: int) -> list[Cookie]:
        return [stored.authenticated(next(self._numbers)) for _ in range(count)]

    def _rate(self, shares: Sequence[Sequence[Change]], size: int) -> float:
        began = time.perf_counter()
        commits = sum(self._pool.map(_commit_all, self._stores, shares, [size] * NODES))
        return commits / (time.perf_counter() - began)


def _login(cookie: Cookie) -> Authenticate:
    assert cookie.auth is not None
    return Authenticate(cookie.id, cookie.auth, cookie.seen)


def _commit_all(store: ICookieStore, changes: Sequence[Change], size: int) -> int:
    """
    How many commits of `size` changes these were.

    :raises RuntimeError: one did not apply: what was measured is not what was meant.
    """
    batches = [changes[start : start + size] for start in range(0, len(changes), size)]
    if not all(all(store.commit(batch)) for batch in batches):
        raise RuntimeError("a change did not apply")
    return len(batches)


def _compared(bench: Bench, nodes: Nodes, size: int, label: str) -> list[Figure]:
    logins: list[float] = []

    def measured() -> float:
        login, logout = nodes.rates(bench.size(BATCHES), size)
        logins.append(login)
        return logout

    logouts = bench.interleaved({label: measured})[label]
    return [
        Figure("commits of logins", label, "1/s", logins),
        Figure("commits of logouts", label, "1/s", logouts, "logins", logins, Target("≥", 0.55)),
    ]
