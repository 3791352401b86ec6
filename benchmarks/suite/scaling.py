"""Look-ups in a large store."""

import random
from contextlib import ExitStack
from typing import Any

from benchmarks import bulk, stored
from benchmarks.bench import Bench
from benchmarks.figure import Figure, Target
from benchmarks.registry import benchmark
from cookietrack_plugin.interfaces import ICookieStore

SMALL, LARGE = 10_000, 10_000_000
LOOKUPS = 20_000
LMDB: dict[str, Any] = {"type": "lmdb", "path": ".cookies", "sync": False, "maxsize": 2**35}


@benchmark("scaling", "Look-ups among 10,000,000 cookies")
def measure(bench: Bench) -> list[Figure]:
    """
    The time of one `load` from `lmdb`, of random ids, in a store with 10,000,000 cookies and in one
    with 10,000. Both files are in the page cache. The cookies have no login, which leaves less to
    decode and so makes the difference larger; they were put there in the order of their keys.
    """
    with ExitStack() as stack:
        stores = {}
        for cookies in (bench.size(SMALL), bench.size(LARGE)):
            label = f"{cookies:,} cookies"
            place = bench.directory / str(cookies)
            bulk.fill_lmdb(place / LMDB["path"], LMDB["maxsize"], cookies, bench.tell)
            stores[label] = (stack.enter_context(stored.opened(LMDB, place)), cookies)
        choice = random.Random(1)
        values = bench.interleaved(
            {
                label: lambda store=store, cookies=cookies: _microseconds(store, cookies, choice)
                for label, (store, cookies) in stores.items()
            }
        )
    small, large = values
    return [
        Figure("look-up", small, "µs", values[small]),
        Figure("look-up", large, "µs", values[large], small, values[small], Target("≤", 2)),
    ]


def _microseconds(store: ICookieStore, cookies: int, choice: random.Random) -> float:
    ids = [stored.identifier(choice.randrange(cookies)) for _ in range(LOOKUPS)]

    def look_up() -> None:
        for id in ids:
            store.load((id,))[id]

    return stored.seconds(look_up) / LOOKUPS * 1e6
