"""The reactor while users are revoked: those who are connected, and those who have many cookies."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

from attrs import evolve, frozen

from benchmarks import generator, node, stored
from benchmarks.bench import OURS, Bench, Options
from benchmarks.cases import NO_COOKIE
from benchmarks.figure import Figure
from benchmarks.generator import Generator
from benchmarks.node import Node
from benchmarks.registry import benchmark
from benchmarks.suite.sweep import stalls
from cookietrack_plugin.record import Auth, Cookie

CONNECTIONS, COOKIES = 100, 10_000
# Seconds of a crowd, of which the last are those in which connections are cut off; and of calls.
CROWD_SECONDS, CALL_SECONDS = 3.0, 1.5
CALLS_PER_SECOND = 500
UNDISTURBED = "nobody is revoked"
OWN = "without waits for a processor"
# Records in one commit.
STEP = 1000
# Options that say where a store is.
PLACES = ("path", "filename")


@frozen
class Site:
    """A node with procedures for one store, in which each round's user has many cookies."""

    label: str
    node: Node
    users: Iterator[str]

    def port(self, label: str) -> int:
        return self.node.transports[label].port


@benchmark("endings", "The reactor while a hundred clients, or 10,000 cookies, are revoked")
def measure(bench: Bench) -> list[Figure]:
    """
    A hundred clients of one user, each with a cookie of its own, never read and never close, and
    are revoked at once. What counts is how late a call that is due every millisecond comes at worst
    on the worker's reactor, until all connections are cut off. What their logins have left is
    collected before, as a full collection takes as long. Then a user with 10,000 cookies, none of
    which is connected, is revoked. What counts is the longest of 500 calls a second to a procedure
    of the same worker, beside the same without a revocation. A `memory` store begins empty, and has
    no part in that. The second rows are the stalls without the time for which the thread could have
    run and had no processor, as others had them all.
    """
    with ExitStack() as stack:
        load = stack.enter_context(generator.running())
        sites = [stack.enter_context(_site(bench, *each)) for each in bench.stores.items()]
        return [*_crowds(bench, load, sites), *_many(bench, load, sites)]


def _crowds(bench: Bench, load: Generator, sites: list[Site]) -> list[Figure]:
    own: dict[str, list[float]] = {}
    connections = bench.size(CONNECTIONS)

    def stall(label: str, site: Site, end: bool) -> float:
        found = load.do(
            "revoke_crowd",
            port=site.port(site.label),
            caller_port=site.port(NO_COOKIE),
            connections=connections,
            seconds=bench.seconds(CROWD_SECONDS),
            end=end,
        )
        _require(found, connections if end else 0)
        own.setdefault(label, []).append(float(found["own_ms"]))
        return float(found["stall_ms"])

    cases = {UNDISTURBED: partial(stall, UNDISTURBED, sites[0], False)}
    cases |= {site.label: partial(stall, site.label, site, True) for site in sites}
    figures = stalls(bench, cases, UNDISTURBED)
    return figures + [evolve(one, metric=OWN, values=own[one.case]) for one in figures]


def _many(bench: Bench, load: Generator, sites: list[Site]) -> list[Figure]:
    wanted = [site for site in sites if site.label != "memory"]
    spans: dict[str, list[float]] = {site.label: [] for site in wanted}

    def longest(site: Site, authid: str | None) -> float:
        found = load.do(
            "revoke_many",
            caller_port=site.port(NO_COOKIE),
            seconds=bench.seconds(CALL_SECONDS),
            calls_per_second=CALLS_PER_SECOND,
            authid=authid,
        )
        _require(found, bench.size(COOKIES) if authid else 0)
        if authid:
            spans[site.label].append(found["seconds"])
        return float(found["longest_ms"])

    cases: dict[str, Callable[[], float]] = {}
    for site in wanted:
        cases[_calm(site)] = partial(longest, site, None)
        cases[site.label] = lambda site=site: longest(site, next(site.users))
    values = bench.interleaved(cases)
    figures = []
    for site in wanted:
        calm, label = _calm(site), site.label
        figures += [
            Figure("longest call", calm, "ms", values[calm]),
            Figure("longest call", label, "ms", values[label], calm, values[calm]),
            Figure("the revocation", label, "s", spans[label]),
        ]
    return figures


def _calm(site: Site) -> str:
    return f"{UNDISTURBED} ({site.label})"


def _require(found: Mapping[str, Any], cookies: int) -> None:
    """
    :raises RuntimeError: something else was measured.
    """
    if found["cookies"] != cookies:
        raise RuntimeError(f"{found['cookies']} cookies were ended, expected {cookies}")


@contextmanager
def _site(bench: Bench, label: str, options: Options) -> Iterator[Site]:
    users = [f"many{number}" for number in range(bench.rounds)]
    if label in OURS:
        options = {
            name: str(bench.place(label) / value) if name in PLACES else value
            for name, value in options.items()
        }
    if label != "memory":
        bench.tell(f"filling {label}")
        _fill(bench, label, options, users)
    bench.tell(f"starting a node with {label}")
    stores = {NO_COOKIE: None, label: options}
    with node.running("crossbar-cookietrack", stores, administered=options) as started:
        yield Site(label, started, iter(users))


def _fill(bench: Bench, label: str, options: Options, users: list[str]) -> None:
    count, now = bench.size(COOKIES), int(time.time() * 1000)
    with stored.opened(options, bench.place(label)) as store:
        for place, user in enumerate(users):
            auth = Auth(user, "client", "ticket", "bench")
            numbers = range(place * count, (place + 1) * count)
            cookies = [_cookie(number, now, auth) for number in numbers]
            for start in range(0, count, STEP):
                stored.create(store, cookies[start : start + STEP])


def _cookie(number: int, now: int, auth: Auth) -> Cookie:
    return Cookie(stored.identifier(number), now, now + stored.DAY, now, auth=auth)
