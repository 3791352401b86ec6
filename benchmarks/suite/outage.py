"""The reactor while the server of a store is away."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from itertools import cycle
from typing import Any

from attrs import evolve

from benchmarks import generator, node, servers
from benchmarks.bench import Bench, Options
from benchmarks.cases import NO_COOKIE
from benchmarks.cut import Cut
from benchmarks.figure import Figure
from benchmarks.generator import Generator
from benchmarks.node import Node
from benchmarks.registry import benchmark
from benchmarks.suite.sweep import stalls

# Seconds of a load, of the part of it before an outage, and of that: after two seconds, which it
# takes with the server's start, a breaker can pause for another three.
SECONDS, BEFORE, AWAY = 6.5, 0.5, 1.0
LOAD = {"seconds": SECONDS, "visits_per_second": 100, "logins_per_second": 25}
# Seconds for every answer of a server: short, so that a silent one is soon known to be away.
TIMEOUT = 0.5
OWN = "without waits for a processor"
UNDISTURBED, THROUGH_CUT = "undisturbed", ", cut"

Begin = Callable[[], Callable[[], Any]]


class Site:
    """A server with a store, which is also reached through a network that can be cut."""

    def __init__(self, label: str, server: Any, store: Options) -> None:
        self.label = label
        self.server = server
        self.cut = Cut(server.port)
        self._store = {**store, "timeout": TIMEOUT}
        # Which outage is next: for each the transport, and what begins it and gives what ends it.
        self.outages: Iterator[tuple[str, Begin]] = cycle(
            [
                (label, lambda: server.pause() or server.resume),
                (label, lambda: server.kill() or server.start),
                (label + THROUGH_CUT, lambda: self.cut.cut() or self.cut.mend),
                (label, lambda: server.stop() or server.start),
                (label, self.full),
            ]
        )

    def stores(self) -> Mapping[str, Options]:
        url = self._store["url"].replace(f":{self.server.port}/", f":{self.cut.port}/")
        return {self.label: self._store, self.label + THROUGH_CUT: {**self._store, "url": url}}

    def full(self) -> Callable[[], Any]:
        """Nothing can be written."""
        raise NotImplementedError


class PostgreSQL(Site):
    def full(self) -> Callable[[], Any]:
        """As the server itself would tell it: to fill a disk takes root."""
        database = self._store["url"].rpartition("/")[2]
        raising = "BEGIN RAISE EXCEPTION 'full' USING ERRCODE = 'disk_full'; END"
        for statement in (
            f"CREATE FUNCTION full_() RETURNS trigger LANGUAGE plpgsql AS $${raising}$$",
            "CREATE TRIGGER full_ BEFORE INSERT OR UPDATE OR DELETE ON cookietrack"
            " FOR EACH ROW EXECUTE FUNCTION full_()",
        ):
            self.server.execute(statement, database)
        return partial(self.server.execute, "DROP FUNCTION full_ CASCADE", database)


class Redis(Site):
    def full(self) -> Callable[[], Any]:
        self.server.client().config_set("maxmemory", "1")
        return lambda: self.server.client().config_set("maxmemory", "0")


@benchmark(
    "outage", "The longest stall of the reactor while the server of a store is away", servers=True
)
def measure(bench: Bench) -> list[Figure]:
    """
    How late a call that is due every millisecond comes at worst on the reactor of a node whose
    store's server is away for a second. All the while 100 new clients a second come to a transport
    and 25 log in and out again. The server is silent (SIGSTOP) in the first round, then killed and
    restarted, cut off by a proxy, stopped and started, and full. So the largest of the spread is
    the longest stall of all. Logins wait or are refused during the outage, new clients are let in
    until it is known; at the end all are served. The undisturbed case is the same load without an
    outage: what the machine adds, on which node, load generator and servers share the processors.
    Of each stall Linux says how long the reactor's thread could have run and had no processor, as
    others had them all. The second rows are the longest stalls without that.
    """
    with ExitStack() as stack:
        load = stack.enter_context(generator.running())
        bench.tell("starting the servers")
        sites = [
            stack.enter_context(_site(PostgreSQL, servers.postgresql())),
            stack.enter_context(_site(Redis, servers.redis())),
        ]
        stores: dict[str, Any] = {NO_COOKIE: None}
        for site in sites:
            stores |= site.stores()
        started = stack.enter_context(node.running("crossbar-cookietrack", stores))
        measures = {UNDISTURBED: partial(_load, load, started, sites[0].label)}
        measures |= {site.label: partial(_away, load, started, site.outages) for site in sites}
        own: dict[str, list[float]] = {label: [] for label in measures}

        def stall(label: str) -> float:
            found = measures[label]()
            own[label].append(float(found["own_ms"]))
            return float(found["stall_ms"])

        figures = stalls(bench, {label: partial(stall, label) for label in measures}, UNDISTURBED)
        return figures + [evolve(one, metric=OWN, values=own[one.case]) for one in figures]


@contextmanager
def _site(
    kind: Callable[[str, Any, Options], Site], server: AbstractContextManager[tuple[Any, Options]]
) -> Iterator[Site]:
    with server as (process, store):
        site = kind(kind.__name__, process, store)
        yield site
        site.cut.cut()


def _away(load: Generator, started: Node, outages: Iterator[tuple[str, Begin]]) -> Any:
    """
    :raises RuntimeError: nobody was served at the end.
    """
    label, begin = next(outages)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(_load, load, started, label)
        time.sleep(BEFORE)
        end = begin()
        time.sleep(AWAY)
        end()
        found = loading.result()
    if not all(found["recovered"]):
        raise RuntimeError(f"an outage without end: {found}")
    return found


def _load(load: Generator, started: Node, label: str) -> Any:
    port, caller_port = (started.transports[each].port for each in (label, NO_COOKIE))
    return load.do("stall", port=port, caller_port=caller_port, **LOAD)
