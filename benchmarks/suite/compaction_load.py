"""A file that is compacted while new cookies keep coming."""

import shutil
from collections.abc import Iterator

from benchmarks import bulk, fresh, stored, underload
from benchmarks.bench import OURS, Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark

COOKIES = 1_000_000
STEP = 20_000
RATE = 5000
LABEL = "file"
METRICS = {
    "longest_ms": ("longest commit", "ms", Target("≤", 100)),
    "memory": ("memory, to that before", "", Target("≤", 1.5)),
    "seconds": ("time to compact", "s", Target("≤", 60)),
    "rate": ("new cookies a second", "", None),
}


@benchmark("compaction_load", "A file of 1,000,000 cookies, compacted while 5,000 a second come in")
def measure(bench: Bench) -> list[Figure]:
    """
    The `file` store has 1,000,000 cookies, nine tenths of which stand in its file twice. More of
    them are touched until it begins to rewrite the file; from then on batches of 50 new cookies are
    committed, 5,000 a second. Measured is how long the longest of these commits takes, and how much
    memory the process has at most, in relation to that before. So is the time until the new file is
    there.
    """
    bench.place(LABEL).mkdir()
    bulk.write_file(bench.place(LABEL) / OURS[LABEL]["filename"], _written(bench))
    found = [_round(bench, number) for number in range(bench.rounds)]
    return [
        Figure(metric, LABEL, unit, [each[name] for each in found], target=target)
        for name, (metric, unit, target) in METRICS.items()
    ]


def _written(bench: Bench) -> Iterator[bytes]:
    count = bench.size(COOKIES)
    for start in range(0, count, STEP):
        bench.tell(f"{start:,} of {count:,}")
        cookies = [stored.visited(number) for number in range(start, min(start + STEP, count))]
        yield bulk.file_batch(cookies)
        yield bulk.file_batch(cookies[: len(cookies) * 9 // 10])


def _round(bench: Bench, number: int) -> dict[str, float]:
    bench.tell(f"round {number + 1} of {bench.rounds}")
    copy = bench.directory / "copy"
    shutil.copytree(bench.place(LABEL), copy)
    found: dict[str, float] = fresh.run(
        underload.compacted, options=OURS[LABEL], place=str(copy), rate=RATE
    )
    shutil.rmtree(copy)
    return found
