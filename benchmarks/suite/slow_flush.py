"""Opening handshakes on a slow disk."""

from benchmarks import cases, flush, generator
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from benchmarks.visits import Visits


@benchmark("slow_flush", "Opening handshakes a second where a flush takes 4 ms")
def measure(bench: Bench) -> list[Figure]:
    """
    New cookies as in `handshakes`, on a disk whose flush takes 4 ms longer: a small library in the
    worker slows fsync, fdatasync, msync and sync_file_range.
    """
    worker_env = flush.environment(bench.directory)
    with generator.running() as load, cases.running(bench, worker_env) as compared:
        new = Visits(bench, load)
        return [
            new.ceiling(),
            *new.compare(compared, "new-cookie handshake", Target("≥", 1.0)),
        ]
