"""Opening handshakes."""

from benchmarks import cases, generator
from benchmarks.bench import Bench
from benchmarks.cases import Case
from benchmarks.figure import Figure, Target
from benchmarks.generator import Generator
from benchmarks.registry import benchmark

CLIENTS = 32
SECONDS = 0.8
COOKIES = 64


@benchmark("handshakes", "Opening handshakes a second")
def measure(bench: Bench) -> list[Figure]:
    """
    32 clients at once, each of which connects, gets its 101, drops the connection and comes again
    at once. New ones come without a cookie, and get one; returning ones come with the cookie of an
    earlier login.
    """
    with generator.running() as load, cases.running(bench) as compared:
        return [
            generator_ceiling(bench, load),
            *new_cookies(bench, load, compared, Target("≥", 0.90)),
            *_returning_cookies(bench, load, compared),
        ]


def generator_ceiling(bench: Bench, load: Generator, join: bool = False) -> Figure:
    """What the load generator reaches against a server that does next to nothing."""
    with generator.trivial_server() as port:
        values = bench.interleaved(
            {"trivial server": lambda: visits_per_second(bench, load, port, join)}
        )
    return Figure("load generator's ceiling", "trivial server", "1/s", values["trivial server"])


def new_cookies(
    bench: Bench, load: Generator, compared: list[Case], target: Target
) -> list[Figure]:
    def measure(case: Case) -> float:
        return visits_per_second(bench, load, case.port)

    return cases.compare(bench, compared, measure, "new-cookie handshakes", "1/s", target)


def _returning_cookies(bench: Bench, load: Generator, compared: list[Case]) -> list[Figure]:
    known = {
        case.label: load.do("collect", port=case.port, clients=CLIENTS, count=COOKIES)
        for case in compared
        if case.label != case.baseline
    }

    def measure(case: Case) -> float:
        return visits_per_second(bench, load, case.port, cookies=known.get(case.label))

    target = Target("≥", 0.90)
    return cases.compare(bench, compared, measure, "returning-cookie handshakes", "1/s", target)


def visits_per_second(
    bench: Bench, load: Generator, port: int, join: bool = False, cookies: list[str] | None = None
) -> float:
    """
    :raises RuntimeError: a visit failed, or a returning visitor was given another cookie: what was
        measured is not what was meant.
    """
    seconds = bench.seconds(SECONDS)
    found = load.do(
        "visits", port=port, clients=CLIENTS, seconds=seconds, join=join, cookies=cookies
    )
    if found["failed"] or (cookies and found["given"]):
        raise RuntimeError(f"{found['failed']} failed, {found['given']} got a cookie: {found}")
    return float(found["rate"])
