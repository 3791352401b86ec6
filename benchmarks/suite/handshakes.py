"""Opening handshakes."""

from benchmarks import cases, generator
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from benchmarks.visits import Visits, known


@benchmark("handshakes", "Opening handshakes a second")
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients at once, each of which connects, gets its 101, drops the connection and comes again
    at once. New ones come without a cookie, and get one; returning ones come with the cookie of an
    earlier login.
    """
    with generator.running() as load, cases.running(bench) as compared:
        new = Visits(bench, load)
        returning = Visits(bench, load, cookies=known(load, compared))
        return [
            new.ceiling(),
            *new.compare(compared, "new-cookie handshake", Target("≥", 1.0)),
            *returning.compare(compared, "returning-cookie handshake", Target("≥", 0.90)),
        ]
