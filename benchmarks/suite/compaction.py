"""The reactor while a file is compacted."""

import shutil
from functools import partial
from itertools import count

from benchmarks import fresh, stored, watched
from benchmarks.bench import OURS, Bench
from benchmarks.figure import Figure
from benchmarks.registry import benchmark
from benchmarks.suite.sweep import IDLE, LONG_AGO, idle, stalls
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie, Touch

BYTES = 500_000_000
STEP = 20_000
LABEL = "file"


@benchmark("compaction", "The longest stall of the reactor while a file of 500 MB is compacted")
def measure(bench: Bench) -> list[Figure]:
    """
    As in `sweep`, until the `file` store has written its file of 500 MB anew. Nine tenths of its
    cookies were touched once, and so stand in it twice; an eighth has expired, and while they
    are swept less than half of the file is alive: that is when it compacts itself.
    """
    place = bench.place(LABEL)
    with stored.opened(OURS[LABEL], place) as store:
        _fill(bench, store)
    cases = {IDLE: partial(idle, bench), LABEL: partial(_compaction, bench)}
    return stalls(bench, cases)


def _fill(bench: Bench, store: ICookieStore) -> None:
    size = bench.size(BYTES)
    for first in count(0, STEP):
        cookies = [_cookie(number) for number in range(first, first + STEP)]
        stored.create(store, cookies)
        touched = cookies[: STEP * 9 // 10]
        store.commit(
            [
                Touch(cookie.id, cookie.seen + 1, cookie.expires, cookie.peer, cookie.user_agent)
                for cookie in touched
            ]
        )
        written = store.stat()["bytes"]
        bench.tell(f"{written / 1e6:.0f} of {size / 1e6:.0f} MB")
        if written >= size:
            return


def _cookie(number: int) -> Cookie:
    return stored.visited(number, LONG_AGO if number % 8 == 0 else stored.EPOCH)


def _compaction(bench: Bench) -> float:
    """
    :raises RuntimeError: the file did not get smaller.
    """
    copy = bench.directory / "copy"
    shutil.copytree(bench.place(LABEL), copy)
    before = stored.bytes_on_disk(copy)
    found = fresh.run(watched.compacted, options=OURS[LABEL], place=str(copy))
    after = stored.bytes_on_disk(copy)
    shutil.rmtree(copy)
    if after >= 0.6 * before:
        raise RuntimeError(f"{before} bytes became {after}")
    return float(found["stall_ms"])
