"""
A `file` store that compacts its file while new cookies keep coming. Called in a process of its own,
by way of `fresh.run`.
"""

import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks import fresh, stored
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Touch

BATCH = 50
# Records that are touched until the file is worth a compaction, at a time.
TOUCHED = 1000
FIRST_NEW = 2**40
LONGEST_S = 120.0


def compacted(options: Mapping[str, Any], place: str, rate: int) -> dict[str, float]:
    """
    The longest commit while the file was compacted, how long that took, and how much memory it
    needed in relation to what there was before. `rate` new cookies a second come.

    :raises TimeoutError: it did not end.
    """
    with stored.opened(options, Path(place)) as store:
        before = fresh.memory()
        _outlive(store)
        began = time.perf_counter()
        longest, most, batches = _commit_until_compacted(store, rate)
        seconds = time.perf_counter() - began
    return {
        "longest_ms": longest * 1000,
        "seconds": seconds,
        "memory": most / before,
        "rate": batches * BATCH / seconds,
    }


def _outlive(store: ICookieStore) -> None:
    """Touch cookies until so much of the file is dead that it is compacted."""
    for number in count():
        stat = store.stat()
        if stat["bytes"] > 2 * stat["live_bytes"]:
            return
        first = number * TOUCHED
        at = stored.EPOCH + 2 * stored.DAY
        ids = map(stored.identifier, range(first, first + TOUCHED))
        store.commit([Touch(id, at, at, None, None) for id in ids])


def _commit_until_compacted(store: ICookieStore, rate: int) -> tuple[float, int, int]:
    longest, most, began = 0.0, 0, time.perf_counter()
    for number in count():
        first = FIRST_NEW + number * BATCH
        longest = max(
            longest,
            stored.seconds(
                lambda first=first: stored.create(
                    store, [stored.visited(n) for n in range(first, first + BATCH)]
                )
            ),
        )
        most = max(most, fresh.memory())
        if store.stat()["compactions"]:
            return longest, most, number + 1
        ahead = began + (number + 1) * BATCH / rate - time.perf_counter()
        if ahead < -LONGEST_S:
            raise TimeoutError("the compaction did not end")
        time.sleep(max(0.0, ahead))
    raise AssertionError("numbers do not end")
