"""Opening handshakes on stores that are servers, and what they cost the server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from attrs import frozen

from benchmarks import forwarder, generator, node, servers
from benchmarks.bench import Bench, Options
from benchmarks.cases import NO_COOKIE, Case
from benchmarks.figure import Figure, Target
from benchmarks.forwarder import Forwarder
from benchmarks.generator import Generator
from benchmarks.registry import benchmark
from benchmarks.visits import Visits, known

POSTGRESQL, REDIS = "PostgreSQL", "Redis"
COUNTED = ", counted"
TRIPS = Target("≤", 0.2)
NEW = {POSTGRESQL: Target("≥", 1.0), REDIS: Target("≥", 1.0)}
RETURNING = {POSTGRESQL: Target("≥", 0.95), REDIS: Target("≥", 1.0)}
LOGINS = {POSTGRESQL: Target("≥", 0.85), REDIS: Target("≥", 0.95)}
LOGIN_CPU = Target("≤", 1.2)


@frozen
class Service:
    """The store on a running server, and the same store behind a forwarder that counts."""

    label: str
    store: Options
    counted: Options
    forwarder: Forwarder

    def stores(self) -> Mapping[str, Options]:
        return {self.label: self.store, self.label + COUNTED: self.counted}


@benchmark("servers", "Handshakes and logins a second on PostgreSQL and Redis", servers=True)
def measure(bench: Bench) -> list[Figure]:
    """
    As in `handshakes` and `joins`, on a PostgreSQL and a Redis of the benchmark's own, which flush
    each commit and share the machine with the node and the load generator. In visits of their own a
    forwarder between the worker and the server counts all bytes, and the round trips: how often the
    worker sends something after an answer.
    """
    with ExitStack() as stack:
        load = stack.enter_context(generator.running())
        bench.tell("starting the servers")
        services = [
            stack.enter_context(_service(POSTGRESQL, servers.postgresql())),
            stack.enter_context(_service(REDIS, servers.redis())),
        ]
        stores: dict[str, Any] = {NO_COOKIE: None}
        for service in services:
            stores |= service.stores()
        started = stack.enter_context(node.running("crossbar-cookietrack", stores))
        found = {
            label: Case(label, started, transport, NO_COOKIE)
            for label, transport in started.transports.items()
        }
        return [
            *_figures(bench, load, services, found, "new", {}, NEW),
            *_figures(
                bench, load, services, found, "returning", known(load, found.values()), RETURNING
            ),
            *Visits(bench, load, join=True).compare(
                _compared(found), "ticket join", LOGINS, LOGIN_CPU
            ),
        ]


def _compared(found: Mapping[str, Case]) -> list[Case]:
    return [found[label] for label in (NO_COOKIE, POSTGRESQL, REDIS)]


def _figures(
    bench: Bench,
    load: Generator,
    services: Sequence[Service],
    found: Mapping[str, Case],
    kind: str,
    cookies: Mapping[str, list[str]],
    target: Mapping[str, Target],
) -> list[Figure]:
    visits = Visits(bench, load, cookies=cookies)
    figures = visits.compare(_compared(found), f"{kind}-cookie handshake", target)
    for service in services:
        case = found[service.label + COUNTED]
        counts = [_counted(service, visits, case) for _ in range(bench.rounds)]
        trips, sizes = zip(*counts, strict=True)
        figures += [
            Figure(f"round trips, {kind} cookie", service.label, "", trips, target=TRIPS),
            Figure(f"traffic, {kind} cookie", service.label, "B", sizes),
        ]
    return figures


def _counted(service: Service, visits: Visits, case: Case) -> tuple[float, float]:
    """Round trips and bytes for one visit."""
    service.forwarder.counted()
    served = visits.served(case)
    counted = service.forwarder.counted()
    return counted["round_trips"] / served, counted["bytes"] / served


@contextmanager
def _service(label: str, server: AbstractContextManager[tuple[Any, Options]]) -> Iterator[Service]:
    with server as (process, store), forwarder.to(process.port) as counting:
        url = store["url"].replace(f":{process.port}/", f":{counting.port}/")
        yield Service(label, store, {**store, "url": url}, counting)
