"""The cases that are compared over the network: Crossbar's node with its stores, ours with ours."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from attrs import frozen

from benchmarks import node
from benchmarks.bench import CROSSBARS, Bench
from benchmarks.config import Transport
from benchmarks.figure import Figure, Target
from benchmarks.node import Node

NO_COOKIE = "no cookie"
# What the targets are about.
JUDGED = ("lmdb", "file", "PostgreSQL", "Redis")


@frozen
class Case:
    """A transport of a running node, and the transport without cookie of the same node."""

    label: str
    node: Node
    transport: Transport
    baseline: str

    @property
    def port(self) -> int:
        return self.transport.port

    @property
    def caller_port(self) -> int:
        """The transport without cookie, for what is to be measured beside the cookies."""
        return self.node.transports[NO_COOKIE].port


@contextmanager
def running(bench: Bench, worker_env: Mapping[str, str] | None = None) -> Iterator[list[Case]]:
    """Both nodes at once, so that their cases can take turns. The idle one costs nothing."""
    launchers = {"crossbar": CROSSBARS, "crossbar-cookietrack": bench.stores}
    bench.tell(f"starting {' and '.join(launchers)}")
    with ExitStack() as stack, ThreadPoolExecutor() as pool:

        def start(launcher: str) -> Node:
            stores = {NO_COOKIE: None, **launchers[launcher]}
            return stack.enter_context(node.running(launcher, stores, worker_env))

        theirs, ours = pool.map(start, launchers)
        yield [*_cases(theirs, " (Crossbar)"), *_cases(ours, "")]


def _cases(node: Node, suffix: str) -> list[Case]:
    return [
        Case(label + suffix, node, transport, NO_COOKIE + suffix)
        for label, transport in node.transports.items()
    ]


def compare(
    bench: Bench,
    cases: list[Case],
    measure: Callable[[Case], float],
    metric: str,
    unit: str,
    target: Target | None = None,
) -> list[Figure]:
    """A figure for each case, as a ratio to the transport without cookie of its node."""
    values = bench.interleaved({case.label: lambda case=case: measure(case) for case in cases})
    return figures(cases, values, metric, unit, target)


def figures(
    cases: list[Case],
    values: Mapping[str, list[float]],
    metric: str,
    unit: str,
    target: Target | None = None,
) -> list[Figure]:
    """The same for what was measured already: a value for each round, by the case's label."""
    return [
        Figure(
            metric,
            case.label,
            unit,
            values[case.label],
            *((case.baseline, values[case.baseline]) if case.label != case.baseline else ()),
            target=target if case.label in JUDGED else None,
        )
        for case in cases
    ]
