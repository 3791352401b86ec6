"""The reactor while expired cookies are swept."""

import shutil
from collections.abc import Callable
from functools import partial

from benchmarks import fresh, stored, watched
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

EXPIRED = 1_000_000
LONG_AGO = 1_000_000_000_000
IDLE, IDLE_SECONDS = "idle reactor", 2.0


@benchmark("sweep", "The longest stall of the reactor while 1,000,000 expired cookies are swept")
def measure(bench: Bench) -> list[Figure]:
    """
    How late a call that is due every millisecond comes at worst, on a reactor with the plugin's
    sweep and committer, while 150 visitors a second look up a cookie and are given one. The pauses
    between the steps of a sweep are left out, which makes it harder. The idle reactor shows what
    the machine itself adds.
    """
    expired = bench.size(EXPIRED)
    cases: dict[str, Callable[[], float]] = {IDLE: partial(idle, bench)}
    for label, options in bench.durable().items():
        bench.tell(f"filling {label}")
        with stored.opened(options, bench.place(label)) as store:
            stored.fill(store, expired, _expired, tell=bench.tell)
        cases[label] = partial(_sweep, bench, label, options, expired)
    return stalls(bench, cases)


def stalls(bench: Bench, cases: dict[str, Callable[[], float]]) -> list[Figure]:
    values = bench.interleaved(cases)
    targets = dict.fromkeys(cases, Target("≤", 10)) | {IDLE: None}
    return [
        Figure("longest stall", label, "ms", values[label], target=targets[label])
        for label in values
    ]


def idle(bench: Bench) -> float:
    found = fresh.run(watched.idle, seconds=bench.seconds(IDLE_SECONDS))
    return float(found["stall_ms"])


def _expired(number: int) -> stored.Cookie:
    return stored.authenticated(number, created=LONG_AGO)


def _sweep(bench: Bench, label: str, options: Options, expired: int) -> float:
    """
    :raises RuntimeError: it was over before all were gone.
    """
    copy = bench.directory / "copy"
    shutil.copytree(bench.place(label), copy)
    found = fresh.run(watched.swept, options=options, place=str(copy))
    shutil.rmtree(copy)
    if found["removed"] != expired:
        raise RuntimeError(f"{found['removed']} of {expired} were swept")
    return float(found["stall_ms"])
