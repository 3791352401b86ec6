"""The reactor while a file is compacted."""

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from math import ceil
from multiprocessing import get_context

from attrs import evolve

from benchmarks import bulk, fresh, stored, watched
from benchmarks.bench import OURS, Bench
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from benchmarks.suite.sweep import IDLE, idle, stalls
from cookietrack_plugin.record import Cookie

BYTES = 500_000_000
STEP = 20_000
LABEL = "file"
LONG_AGO = 1_000_000_000_000


@benchmark("compaction", "The longest stall of the reactor while a file of 500 MB is compacted")
def measure(bench: Bench) -> list[Figure]:
    """
    As in `sweep`, until the `file` store has rewritten its file of 500 MB. Nine tenths of its
    cookies were touched once, and so stand in it twice. An eighth has expired, and while they are
    swept less than half of the file is alive: that is when it compacts itself.
    """
    _fill(bench)
    cases = {IDLE: partial(idle, bench), LABEL: partial(_compaction, bench)}
    return stalls(bench, cases)


def _fill(bench: Bench) -> None:
    bench.place(LABEL).mkdir()
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        bulk.write_file(bench.place(LABEL) / OURS[LABEL]["filename"], _written(bench, pool))


def _written(bench: Bench, pool: Executor) -> Iterator[bytes]:
    size, written = bench.size(BYTES), 0
    steps = ceil(size / len(_step(0)))
    for lines in pool.map(_step, range(steps)):
        written += len(lines)
        bench.tell(f"{written / 1e6:.0f} of {size / 1e6:.0f} MB")
        yield lines


def _step(number: int) -> bytes:
    """Some cookies, most of which are touched then."""
    created = [_cookie(each) for each in range(STEP * number, STEP * (number + 1))]
    touched = [evolve(cookie, seen=cookie.seen + 1) for cookie in created[: STEP * 9 // 10]]
    return bulk.file_batch(created) + bulk.file_batch(touched)


def _cookie(number: int) -> Cookie:
    return stored.visited(number, LONG_AGO if number % 8 == 0 else stored.EPOCH)


def _compaction(bench: Bench) -> float:
    """
    :raises RuntimeError: the file did not get smaller.
    """
    copy = bench.directory / "copy"
    shutil.copytree(bench.place(LABEL), copy)
    file = copy / OURS[LABEL]["filename"]
    before = file.stat().st_size
    found = fresh.run(watched.compacted, options=OURS[LABEL], place=str(copy))
    after = file.stat().st_size
    shutil.rmtree(copy)
    if after >= 0.6 * before:
        raise RuntimeError(f"{before} bytes became {after}")
    return float(found["stall_ms"])
