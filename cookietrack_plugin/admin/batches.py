"""Work on a store in steps: none is larger than the store takes, and workers go on in between."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from cookietrack_plugin.interfaces import IBatchLimit, ICookieStore
from cookietrack_plugin.record import Change

# Changes of one commit. Running workers commit between two of them.
STEP = 500

T = TypeVar("T")


def batched(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` values."""
    iterator = iter(values)
    while batch := list(islice(iterator, size)):
        yield batch


def commit(store: ICookieStore, changes: Iterable[Change]) -> Iterator[bool]:
    """Apply any number of changes, durably and in order; for each whether it applied."""
    for batch in batched(changes, at_most(store, STEP)):
        yield from map(bool, store.commit(batch))


def at_most(store: ICookieStore, wanted: int) -> int:
    """How many of the `wanted` changes the store takes in one commit."""
    return min(wanted, store.max_changes) if IBatchLimit.providedBy(store) else wanted
