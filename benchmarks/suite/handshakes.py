"""Opening handshakes."""

from benchmarks import cases, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure, Target
from benchmarks.generator import Generator
from benchmarks.registry import benchmark
from benchmarks.visits import CLIENTS, Visits

COOKIES = 64


@benchmark("handshakes", "Opening handshakes a second")
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients at once, each of which connects, gets its 101, drops the connection and comes again
    at once. New ones come without a cookie, and get one; returning ones come with the cookie of an
    earlier login.
    """
    with generator.running() as load, cases.running(bench) as compared:
        new = Visits(bench, load)
        returning = Visits(bench, load, cookies=_known(load, compared))
        return [
            new.ceiling(),
            *new.compare(compared, "new-cookie handshake", Target("≥", 0.90)),
            *returning.compare(compared, "returning-cookie handshake", Target("≥", 0.90)),
        ]


def _known(load: Generator, compared: list[Case]) -> dict[str, list[str]]:
    """Cookies of clients that have logged in."""
    return {
        case.label: load.do("collect", port=case.port, clients=CLIENTS, count=COOKIES)
        for case in compared
        if case.label != case.baseline
    }
