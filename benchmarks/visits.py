"""Clients that come again and again: how many a second, and what each costs the worker."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from benchmarks import cases, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure, Targets
from benchmarks.generator import Generator

CLIENTS = 32
SECONDS = 0.4
COOKIES = 64
CEILING = "trivial server"


@frozen
class Cost:
    """How many visits a second there were, and microseconds of processor time for each."""

    rate: float
    worker: float
    reactor: float


class Visits:
    """
    One kind of visit, to be measured for every case.

    :param join: the visitors log in by ticket.
    :param cookies: those that they come back with, by the label of the case; new visitors come to
        the other cases.
    """

    def __init__(
        self,
        bench: Bench,
        load: Generator,
        join: bool = False,
        cookies: Mapping[str, list[str]] | None = None,
    ) -> None:
        self._bench = bench
        self._load = load
        self._join = join
        self._cookies = cookies or {}

    def compare(
        self,
        compared: Iterable[Case],
        metric: str,
        target: Targets,
        cpu_target: Targets | None = None,
    ) -> list[Figure]:
        """
        Visits a second, with the target; and for each the processor time of the worker, and that of
        its reactor's thread.
        """
        pairs = cases.measured(self._bench, compared, self._cost)
        return [
            *cases.figures(pairs, lambda cost: cost.rate, f"{metric}s", "1/s", target),
            *cases.figures(
                pairs, lambda cost: cost.worker, f"worker CPU, {metric}", "µs", cpu_target
            ),
            *cases.figures(pairs, lambda cost: cost.reactor, f"reactor CPU, {metric}", "µs"),
        ]

    def ceiling(self) -> Figure:
        """What the load generator reaches against a server that does next to nothing."""
        with generator.trivial_server() as port:
            values = self._bench.interleaved({CEILING: lambda: self._visit(port, None)["rate"]})
        return Figure("ceiling of the load generator", CEILING, "1/s", values[CEILING])

    def served(self, case: Case) -> int:
        """How many visits there were, in one go."""
        return int(self._visit(case.port, self._cookies.get(case.label))["served"])

    def _cost(self, case: Case) -> Cost:
        before = case.node.worker_cpu()
        found = self._visit(case.port, self._cookies.get(case.label))
        after = case.node.worker_cpu()
        worker, reactor = (
            (end - begin) / found["served"] * 1e6 for begin, end in zip(before, after, strict=True)
        )
        return Cost(float(found["rate"]), worker, reactor)

    def _visit(self, port: int, cookies: list[str] | None) -> dict[str, Any]:
        """
        :raises RuntimeError: a visit failed, or a returning visitor was given another cookie: what
            was measured is not what was meant.
        """
        seconds = self._bench.seconds(SECONDS)
        found: dict[str, Any] = self._load.do(
            "visits", port=port, clients=CLIENTS, seconds=seconds, join=self._join, cookies=cookies
        )
        if found["failed"] or (cookies and found["given"]):
            raise RuntimeError(f"{found['failed']} failed, {found['given']} got a cookie")
        return found


def known(load: Generator, compared: Iterable[Case]) -> dict[str, list[str]]:
    """Cookies of clients that have logged in, by the label of the case."""
    return {
        case.label: load.do("collect", port=case.port, clients=CLIENTS, count=COOKIES)
        for case in compared
        if case.label != case.baseline
    }
