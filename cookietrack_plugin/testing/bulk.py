"""Many changes, in batches that a store takes."""

from collections.abc import Sequence

from cookietrack_plugin.interfaces import IBatchLimit, ICookieStore
from cookietrack_plugin.record import Change

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
