"""The reactor while the server of a store is silent, or cut off."""

from collections.abc import Callable
from functools import partial

from benchmarks import fresh, watched
from benchmarks.bench import Bench
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from benchmarks.suite.sweep import IDLE, idle, stalls

SECONDS = 5.0
# How a server is away: how many seconds it lets pass before a call of the store fails.
AWAY = {"refuses connections": 0.0, "is silent": 1.0}


@benchmark("outage", "The longest stall of the reactor while the server of a store is away")
def measure(bench: Bench) -> list[Figure]:
    """
    As in `sweep`, with a store that stands for one on a server: for two seconds every call of it
    fails, at once or after a timeout of a second, and the 150 visitors a second are refused. They
    are let in before, and after. `tests/node/test_outages.py` prints the same for a whole node on
    PostgreSQL and Redis, while these are stopped and started on the same machine.
    """
    cases: dict[str, Callable[[], float]] = {IDLE: partial(idle, bench)}
    for label, timeout in AWAY.items():
        cases[label] = partial(_outage, bench, timeout)
    return stalls(bench, cases)


def _outage(bench: Bench, timeout: float) -> float:
    """
    :raises RuntimeError: nobody was refused, or nobody was let in again.
    """
    found = fresh.run(watched.away, timeout=timeout, seconds=bench.seconds(SECONDS))
    if not (found["refused"] and found["admitted"]):
        raise RuntimeError(f"no outage: {found}")
    return float(found["stall_ms"])
