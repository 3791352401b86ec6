"""Full joins by ticket."""

from benchmarks import cases, flush, generator
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from benchmarks.visits import Visits

TARGETS = {"memory": Target("≥", 0.96), "lmdb": Target("≥", 0.96), "file": Target("≥", 0.93)}


@benchmark("joins", "Logins by ticket a second where a flush takes 4 ms")
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients at once, each of which connects, is given a cookie, logs in by ticket, waits for its
    WELCOME, drops the connection and comes again at once. A flush takes 4 ms longer.
    """
    worker_env = flush.environment(bench.directory)
    with generator.running() as load, cases.running(bench, worker_env) as compared:
        joins = Visits(bench, load, join=True)
        return [
            joins.ceiling(),
            *joins.compare(compared, "ticket join", TARGETS),
        ]
