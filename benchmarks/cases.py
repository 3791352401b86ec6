"""The cases that are compared over the network: Crossbar's node with its stores, ours with ours."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Generic, TypeVar

from attrs import field, frozen

from benchmarks import node
from benchmarks.bench import CROSSBARS, Bench
from benchmarks.config import Transport
from benchmarks.figure import Figure, Target, Targets
from benchmarks.node import Node

NO_COOKIE = "no cookie"
M = TypeVar("M")

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


@frozen
class Pair(Generic[M]):
    """A case, and what was found of it in each round; each time right behind its baseline."""

    case: Case
    baseline: Case
    found: list[M] = field(factory=list)
    before: list[M] = field(factory=list)

    def measure(self, measure: Callable[[Case], M]) -> float:
        """A machine that others share is not the same ten seconds later: the two are neighbours."""
        self.before.append(measure(self.baseline))
        self.found.append(measure(self.case))
        return float(len(self.found))


def measured(bench: Bench, compared: Iterable[Case], measure: Callable[[Case], M]) -> list[Pair[M]]:
    """Measure every case, and the transport without cookie of its node, in every round."""
    all_ = {case.label: case for case in compared}
    pairs = [
        Pair[M](case, all_[case.baseline]) for case in all_.values() if case.label != case.baseline
    ]
    bench.interleaved({pair.case.label: partial(pair.measure, measure) for pair in pairs})
    return pairs


def compare(
    bench: Bench,
    compared: Iterable[Case],
    measure: Callable[[Case], float],
    metric: str,
    unit: str,
    target: Targets | None = None,
) -> list[Figure]:
    """A figure for each case, as a ratio to the transport without cookie of its node."""
    return figures(measured(bench, compared, measure), float, metric, unit, target)


def figures(
    pairs: Iterable[Pair[M]],
    value: Callable[[M], float],
    metric: str,
    unit: str,
    target: Targets | None = None,
) -> list[Figure]:
    """The same for what was measured already, of which it is one `value`."""
    rows: dict[str, list[Figure]] = {}
    undisturbed: dict[str, list[float]] = {}
    for pair in pairs:
        label, baseline = pair.case.label, pair.baseline.label
        found, before = [value(each) for each in pair.found], [value(each) for each in pair.before]
        undisturbed.setdefault(baseline, []).extend(before)
        judged = _target_of(label, target)
        row = Figure(metric, label, unit, found, baseline, before, judged)
        rows.setdefault(baseline, []).append(row)
    return [
        figure
        for baseline, values in undisturbed.items()
        for figure in (Figure(metric, baseline, unit, values), *rows[baseline])
    ]


def _target_of(label: str, target: Targets | None) -> Target | None:
    if isinstance(target, Mapping):
        return target.get(label)
    return target if label in JUDGED else None
