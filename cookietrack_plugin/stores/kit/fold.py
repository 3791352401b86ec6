"""
What a batch of changes makes of the records that are there, worked out before anything is written.

For stores that read the records of a batch in one statement and write what came out in another.
"""

from collections import Counter
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from enum import Enum
from typing import Final

from attrs import frozen

from cookietrack_plugin.record import (
    Authenticate,
    Change,
    Cookie,
    Create,
    Delete,
    Login,
    after,
    applies,
    fenced_login,
)


class Damage(Enum):
    """Stands for a record that is there and cannot be decoded: it can only be deleted."""

    DAMAGED = "damaged"


DAMAGED: Final = Damage.DAMAGED
Stored = Cookie | Damage


@frozen
class Outcome:
    """
    `applied`: for each change of the batch whether it did. `before`, `after`: the records under the
    ids of the batch, without those that are absent. `revoked`: the ids that were deleted, or whose
    login became another identity's, in order, even if later changes of the batch undid that.
    """

    applied: Sequence[bool]
    before: Mapping[str, Stored]
    after: Mapping[str, Stored]
    revoked: Sequence[str]

    def created(self) -> list[Cookie]:
        """Records under ids that had none, by id."""
        return [cookie for cookie in self.altered() if cookie.id not in self.before]

    def updated(self) -> list[Cookie]:
        """Records that replace others, by id."""
        return [cookie for cookie in self.altered() if cookie.id in self.before]

    def deleted(self) -> list[str]:
        """Ids that had a record and have none, in order."""
        return sorted(self.before.keys() - self.after.keys())

    def altered(self) -> list[Cookie]:
        """
        New records and those that replace others, by id: writers who all lock in one order do not
        wait for one another.
        """
        return [
            record
            for id, record in sorted(self.after.items())
            if isinstance(record, Cookie) and record != self.before.get(id)
        ]


def fold(
    changes: Iterable[Change],
    before: Mapping[str, Stored],
    refuses: Callable[[Login], bool] | None = None,
) -> Outcome:
    """
    Apply `changes` in order to the records `before`, which are those under the ids of the changes.

    :param refuses: whether a login does not apply, because its user was revoked: see `fences`. None
        where nobody else can have revoked one.
    """
    records = dict(before)
    applied = []
    revoked = set()
    for change in changes:
        old = records.pop(change.id, None)
        if refuses and (login := fenced_login(change)) and refuses(login):
            new, applies_ = old, False
        else:
            new, applies_ = _apply(old, change)
        if new is not None:
            records[change.id] = new
        if applies_ and _revokes(old, change):
            revoked.add(change.id)
        applied.append(applies_)
    return Outcome(applied, before, records, sorted(revoked))


def _apply(old: Stored | None, change: Change) -> tuple[Stored | None, bool]:
    if old is DAMAGED:
        return (None, True) if isinstance(change, Delete) else (DAMAGED, False)
    return after(old, change), applies(old, change)


def _revokes(old: Stored | None, change: Change) -> bool:
    match change:
        case Delete():
            return True
        case Authenticate(auth=auth):
            owner = old.auth if isinstance(old, Cookie) else None
            return owner is not None and owner.identity != auth.identity
    return False


def lone_creates(changes: Sequence[Change]) -> dict[str, Cookie]:
    """
    The new records, by id, that have no other change in the batch. Most are such, and where the
    engine can insert a record unless its id exists, nothing has to be read for them.
    """
    counts = Counter(change.id for change in changes)
    return {
        change.id: change.cookie
        for change in changes
        if isinstance(change, Create) and counts[change.id] == 1
    }


def applied(
    changes: Iterable[Change],
    alone: Container[str],
    created: Container[str],
    others: Iterable[bool],
) -> list[bool]:
    """
    For each change of a batch whether it applied. Of the ids in `alone` (see `lone_creates`) those
    did that are in `created`; what the rest did is in `others`, in order.
    """
    rest = iter(others)
    return [change.id in created if change.id in alone else next(rest) for change in changes]
