"""A batch of changes, as far as it is worked out before the transaction that stores it."""

from collections import Counter
from collections.abc import Iterable, Sequence

from attrs import frozen

from cookietrack_plugin.record import Change, Cookie, Create
from cookietrack_plugin.stores.codec import encode

# A new record: its id, its bytes, and what it is indexed by: authid and `expires`.
New = tuple[str, bytes, str | None, int]


@frozen
class Batch:
    """
    Most changes are new records that have no other change in their batch. They are encoded once, by
    the worker, in plain values that cost little to send, and nothing has to be read for them.

    `alone`: for each change whether it is such. `new`: these, in order. `others`: the rest.
    """

    alone: Sequence[bool]
    new: Sequence[New]
    others: Sequence[Change]

    def applied(self, created: Iterable[bool], others: Iterable[bool]) -> list[bool]:
        """For each change whether it applied, given that for each of `new` and of `others`."""
        first, rest = iter(created), iter(others)
        return [next(first if alone else rest) for alone in self.alone]


def prepare(changes: Sequence[Change]) -> Batch:
    """:raises ValueError: one of the new records cannot be stored."""
    # Read once: that of a Create is a property.
    ids = [change.id for change in changes]
    counts = Counter(ids)
    alone, new, others = [], [], []
    for id, change in zip(ids, changes, strict=True):
        if isinstance(change, Create) and counts[id] == 1:
            new.append(_new(id, change.cookie))
            alone.append(True)
        else:
            others.append(change)
            alone.append(False)
    return Batch(alone, new, others)


def _new(id: str, cookie: Cookie) -> New:
    auth = cookie.auth
    return id, encode(cookie), auth.authid if auth else None, cookie.expires
