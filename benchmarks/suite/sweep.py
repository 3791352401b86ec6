"""The reactor while expired cookies are swept."""

from collections.abc import Callable
from functools import partial

from benchmarks import fresh, stock, watched
from benchmarks.bench import Bench, Options
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

EXPIRED = 1_000_000
IDLE, IDLE_SECONDS = "idle reactor", 2.0


@benchmark("sweep", "The longest stall of the reactor while 1,000,000 expired cookies are swept")
def measure(bench: Bench) -> list[Figure]:
    """
    How late a call that is due every millisecond comes at worst, on a reactor with the plugin's
    sweep and committer. All the while 150 visitors a second look up a cookie and are given one. The
    pauses between the steps of a sweep are left out, which makes it harder. Each round removes its
    share of the same million, so that the largest of the spread is the longest stall of the whole
    sweep. They have expired because the clock of that reactor is years ahead. The idle reactor
    shows what the machine itself adds.
    """
    expired = bench.size(EXPIRED)
    cases: dict[str, Callable[[], float]] = {IDLE: partial(idle, bench)}
    stock.supply(bench, bench.durable(), expired)
    for label, options in bench.durable().items():
        cases[label] = partial(_sweep, bench, label, options, expired // bench.rounds)
    return stalls(bench, cases)


def stalls(
    bench: Bench, cases: dict[str, Callable[[], float]], undisturbed: str = IDLE
) -> list[Figure]:
    """All are judged but for the case `undisturbed`, which shows what the machine adds."""
    values = bench.interleaved(cases)
    targets = dict.fromkeys(cases, Target("≤", 10)) | {undisturbed: None}
    return [
        Figure("longest stall", label, "ms", values[label], target=targets[label])
        for label in values
    ]


def idle(bench: Bench) -> float:
    found = fresh.run(watched.idle, seconds=bench.seconds(IDLE_SECONDS))
    return float(found["stall_ms"])


def _sweep(bench: Bench, label: str, options: Options, share: int) -> float:
    """
    :raises RuntimeError: it was over long before that many were gone.
    """
    place = str(bench.place(label))
    found = fresh.run(watched.swept, options=options, place=place, wanted=share)
    # The rounds before may have removed a step more than their share.
    if found["removed"] < share // 2:
        raise RuntimeError(f"{found['removed']} of {share} were swept")
    return float(found["stall_ms"])
