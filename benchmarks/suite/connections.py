"""Memory for live connections."""

import resource

from benchmarks import cases, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure
from benchmarks.generator import Generator
from benchmarks.registry import benchmark

CONNECTIONS = 100


@benchmark("connections", "Memory for a live connection")
def measure(bench: Bench) -> list[Figure]:
    """
    What the worker's memory grows by, for each of 100 clients that log in by ticket and stay, each
    with a cookie of its own. Those of all rounds stay until the end, so that no round finds memory
    that an earlier one has left. The first 100 are not counted: they find what the start has left.
    """
    _allow_many_files()
    with generator.running() as load, cases.running(bench) as compared:

        def growth(case: Case) -> float:
            return _growth(bench, load, case)

        for case in compared:
            growth(case)
        return cases.compare(bench, compared, growth, "memory for a connection", "KiB")


def _growth(bench: Bench, load: Generator, case: Case) -> float:
    """KiB for each connection."""
    worker, connections = case.node.worker(), bench.size(CONNECTIONS)
    before = worker.memory_info().rss
    load.do("hold", port=case.port, connections=connections)
    return (worker.memory_info().rss - before) / 1024 / connections


def _allow_many_files() -> None:
    """For the processes that are started from here on."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
