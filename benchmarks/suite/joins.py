"""Full joins by ticket."""

from benchmarks import cases, flush, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from benchmarks.suite.handshakes import generator_ceiling, visits_per_second


@benchmark("joins", "Logins by ticket a second where a flush takes 4 ms")
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients at once, each of which connects, is given a cookie, logs in by ticket, waits for its
    WELCOME, drops the connection and comes again at once. A flush takes 4 ms longer.
    """
    worker_env = flush.environment(bench.directory)
    with generator.running() as load, cases.running(bench, worker_env) as compared:

        def joins(case: Case) -> float:
            return visits_per_second(bench, load, case.port, join=True)

        return [
            generator_ceiling(bench, load, join=True),
            *cases.compare(bench, compared, joins, "joins by ticket", "1/s", Target("≥", 0.95)),
        ]
