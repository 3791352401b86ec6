"""A dictionary by id that is also read in order, from any place on."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from heapq import nsmallest
from typing import Any, TypeVar

Value = TypeVar("Value")

# In place of a shard that nobody has written to.
NOTHING: Mapping[str, Any] = {}


class Shards(defaultdict[str, dict[str, Value]]):
    """
    Values by id, in a dictionary for each pair of first characters. Ids are spread evenly over
    these 4096, so that a page of them is found without looking at all, and none grows so large that
    its growing stops everybody else.

    To write is `shards[id[:2]][id] = value`, to read `shards.get(id[:2], NOTHING).get(id)`.
    """

    def __init__(self) -> None:
        super().__init__(dict)

    def after(self, id: str, limit: int) -> list[str]:
        """The first `limit` ids behind `id`, in order; the first of all are behind `""`."""
        ids: list[str] = []
        for prefix in sorted(prefix for prefix in self if prefix >= id[:2]):
            behind = (each for each in self[prefix] if each > id)
            ids += nsmallest(limit - len(ids), behind)
            if len(ids) == limit:
                break
        return ids

    def ids(self) -> Iterator[str]:
        """All of them, in no order."""
        return (id for shard in list(self.values()) for id in list(shard))
