"""Procedure calls while cookies are made."""

from benchmarks import cases, flush, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

SECONDS = 1.5
VISITS_PER_SECOND = 150
CALLS_PER_SECOND = 500


@benchmark("calls", "Procedure calls under 150 new cookies a second where a flush takes 4 ms")
def measure(bench: Bench) -> list[Figure]:
    """
    The 99th percentile of 500 calls a second to a procedure in the same worker, over a connection
    without cookie. At the same time 150 new visitors a second come to the measured transport. The
    time of a call runs from the moment at which it was due, so that a call that had to wait for
    another one counts. A flush takes 4 ms longer.
    """
    worker_env = flush.environment(bench.directory)
    with generator.running() as load, cases.running(bench, worker_env) as compared:

        def slowest_percent(case: Case) -> float:
            found = load.do(
                "calls",
                port=case.port,
                caller_port=case.caller_port,
                seconds=bench.seconds(SECONDS),
                visits_per_second=VISITS_PER_SECOND,
                calls_per_second=CALLS_PER_SECOND,
            )
            return float(found["calls"]["p99"])

        metric, target = "99th percentile of a call", Target("≤", 1.15)
        return cases.compare(bench, compared, slowest_percent, metric, "ms", target)
