"""Requests for files behind a guard."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from statistics import fmean

from attrs import field, frozen

from benchmarks import cases, generator, node, servers, web
from benchmarks.bench import OURS, Bench, Options
from benchmarks.cases import NO_COOKIE, Case
from benchmarks.figure import Figure, Target
from benchmarks.generator import Generator
from benchmarks.load import wire
from benchmarks.registry import benchmark
from benchmarks.suite.servers import POSTGRESQL, REDIS
from benchmarks.visits import CLIENTS, known

# Of each file in a round: so many turns of so many seconds, open and guarded.
TURNS, SECONDS = 4, 0.25
SMALL, LARGE = "2 kB", "64 kB"
SIZES = {SMALL: 2_000, LARGE: 64_000}
EMBEDDED = ("memory", "lmdb")
RATES = {
    **{(label, SMALL): Target("≥", 0.8) for label in EMBEDDED},
    **{(label, LARGE): Target("≥", 0.95) for label in EMBEDDED},
    **{(label, size): Target("≥", 0.75) for label in (POSTGRESQL, REDIS) for size in SIZES},
}
ADDED = Target("≤", 60)


@frozen
class Cost:
    """Requests a second, and microseconds that the reactor's thread has run for each."""

    rate: float
    reactor: float


@frozen
class File:
    """A file of a transport, and what was found of it in each round, open and guarded."""

    case: Case
    size: str
    cookies: list[str]
    open: list[Cost] = field(factory=list)
    guarded: list[Cost] = field(factory=list)

    @property
    def label(self) -> str:
        return f"{self.case.label}, {self.size}"

    def measure(self, load: Generator, seconds: float) -> float:
        """A machine that others share is not the same a second later: so turns are short."""
        open_, guarded = zip(
            *(
                [self._cost(load, path, seconds) for path in (web.OPEN, web.GUARDED)]
                for _ in range(TURNS)
            ),
            strict=True,
        )
        self.open.append(_mean(open_))
        self.guarded.append(_mean(guarded))
        return self.guarded[-1].rate

    def figures(self) -> Iterator[Figure]:
        """Requests a second, the reactor's time for one, and what the guard adds to it."""
        target = RATES.get((self.case.label, self.size))
        yield self._compared("requests", "1/s", lambda cost: cost.rate, target)
        yield self._compared("reactor CPU", "µs", lambda cost: cost.reactor)
        pairs = zip(self.guarded, self.open, strict=True)
        added = [guarded.reactor - open_.reactor for guarded, open_ in pairs]
        judged = ADDED if self.case.label in EMBEDDED else None
        yield Figure("reactor CPU, added", self.label, "µs", added, target=judged)

    def _cost(self, load: Generator, path: str, seconds: float) -> Cost:
        port = self.case.port
        requests = [wire.get(port, f"/{path}/{SIZES[self.size]}", each) for each in self.cookies]
        before = self.case.node.worker_cpu()[1]
        found = load.do(
            "requests", port=port, requests=requests, length=SIZES[self.size], seconds=seconds
        )
        run = self.case.node.worker_cpu()[1] - before
        return Cost(found["rate"], run / found["all"] * 1e6)

    def _compared(
        self, metric: str, unit: str, value: Callable[[Cost], float], target: Target | None = None
    ) -> Figure:
        guarded, open_ = map(value, self.guarded), [value(each) for each in self.open]
        return Figure(metric, self.label, unit, guarded, "the same, unguarded", open_, target)


def _mean(costs: Sequence[Cost]) -> Cost:
    return Cost(fmean(each.rate for each in costs), fmean(each.reactor for each in costs))


@benchmark("guard", "Requests a second to guarded files", servers=True)
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients, each of which keeps its connection, sends the cookie of its login, and asks for the
    same file again as soon as it has it. The file is served by Crossbar's `static` service, behind
    a guard and without one, by the same worker and in turns. PostgreSQL and Redis are the
    benchmark's own and share the machine with the node and the load generator.

    The ratio of the requests a second is with that of the unguarded file. The reactor's time is
    what its thread has run, which other processes on the machine hardly change.
    """
    with ExitStack() as stack:
        load = stack.enter_context(generator.running())
        bench.tell("starting the servers")
        stores = {**_embedded(bench)}
        stores[POSTGRESQL] = stack.enter_context(servers.postgresql())[1]
        stores[REDIS] = stack.enter_context(servers.redis())[1]
        return compared(bench, load, stores)


def compared(bench: Bench, load: Generator, stores: Mapping[str, Options]) -> list[Figure]:
    """The figures of these stores."""
    launcher = "crossbar-cookietrack"
    with node.running(launcher, {NO_COOKIE: None, **stores}, transport=web.WebTransport) as started:
        for size in SIZES.values():
            web.write_file(started.directory, str(size), size)
        files = list(_files(load, started))
        seconds = bench.seconds(SECONDS)
        bench.interleaved({each.label: partial(each.measure, load, seconds) for each in files})
    return [figure for each in files for figure in each.figures()]


def _files(load: Generator, started: node.Node) -> Iterator[File]:
    found = [
        cases.Case(label, started, transport, NO_COOKIE)
        for label, transport in started.transports.items()
    ]
    cookies = known(load, found)
    for case in found:
        for size in SIZES if case.label in cookies else ():
            yield File(case, size, cookies[case.label][:CLIENTS])


def _embedded(bench: Bench) -> Mapping[str, Options]:
    return {label: OURS[label] for label in EMBEDDED} | dict(bench.others)
