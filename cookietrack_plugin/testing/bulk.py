"""Many changes, in batches that a store takes."""

from collections.abc import Sequence

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.interfaces import IBatchLimit, ICookieStore
from cookietrack_plugin.record import Change, Create
from cookietrack_plugin.testing.samples import make_auth, make_cookie

# The most changes that the contract allows in a batch.
MAX_CHANGES = 1024


def max_changes_of(store: ICookieStore) -> int:
    """The most changes that `store` takes at once."""
    return store.max_changes if IBatchLimit.providedBy(store) else MAX_CHANGES


def commit_all(store: ICookieStore, changes: Sequence[Change]) -> list[bool]:
    """Commit `changes` in as many batches as it takes; for each whether it applied."""
    size = max_changes_of(store)
    batches = (changes[start : start + size] for start in range(0, len(changes), size))
    return [applied for batch in batches for applied in store.commit(batch)]


def fill(store: ICookieStore, first: int = 100) -> list[Change]:
    """
    Commit a small record and one of 100 kB at a time, numbered from `first` on, until that finds no
    room; the batch that did not.
    """
    for number in range(first, first + 20_000, 2):
        auth = make_auth("mary", authextra={"text": "x" * 100_000})
        batch: list[Change] = [Create(make_cookie(number)), Create(make_cookie(number + 1, auth))]
        try:
            store.commit(batch)
        except StoreFull:
            return batch
    raise AssertionError("the store took a gigabyte with `cramped_options`")
