"""What a batch of changes writes to the file, and what it answers."""

from collections.abc import Collection, Mapping, Sequence

from attrs import frozen

from cookietrack_plugin.record import Auth, Change, Cookie, Create, is_id
from cookietrack_plugin.stores.file.echo import DISTANCE_BYTES
from cookietrack_plugin.stores.file.encoding import encode, to_key
from cookietrack_plugin.stores.file.lines import GONE, LINE_SIZE, State, write_batch, write_line
from cookietrack_plugin.stores.kit.fold import Outcome, Stored, fold


@frozen
class Batch:
    """
    `states`: the new states of records. `again`: the keys of those that are written twice.
    `applied`: for each change whether it applied.
    """

    states: Sequence[State]
    again: Collection[bytes] = ()
    applied: Sequence[bool] = ()

    @property
    def only_removes(self) -> bool:
        """Whether it does nothing but remove records."""
        return all(text == GONE for _, text in self.states)

    @property
    def near(self) -> list[bytes]:
        """The keys whose two lines lie so close in `lines` that one lost page may take both."""
        near, ends, size = [], dict[bytes, int](), 0
        for key, text in [*self.states, *self._repeated()]:
            if key in ends and size - ends[key] < DISTANCE_BYTES:
                near.append(key)
            size += LINE_SIZE + len(key) + len(text)
            ends[key] = size
        return near

    def lines(self, number: int, others: Sequence[State] = ()) -> bytes:
        """
        What is appended for the batch of that number, behind `others`: states that are true
        already. Each of those counts by itself.
        """
        repeats = (write_line(key, text, number) for key, text in others)
        return b"".join(repeats) + write_batch([*self.states, *self._repeated()], number)

    def fewest_lines(self, number: int) -> bytes:
        """The same where there is little room, each line once."""
        return write_batch(self.states, number)

    def _repeated(self) -> list[State]:
        return [(key, text) for key, text in self.states if key in self.again]


def prepare(changes: Sequence[Change], before: Mapping[str, Stored]) -> Batch:
    """
    :param before: the records of the changes' ids that are there.
    :raises ValueError: one of them cannot be stored.
    """
    if any(isinstance(change, Create) and not is_id(change.id) for change in changes):
        raise ValueError("a record whose id is none cannot be stored")
    outcome = fold(changes, before)
    # What takes a login away is written twice: one damaged line must not bring it back.
    return Batch(_states(outcome), _ended(outcome), outcome.applied)


def removal(keys: Sequence[bytes]) -> Batch:
    """Removes expired records or ones that cannot be decoded: written once."""
    return Batch([(key, GONE) for key in keys])


def ending(keys: Sequence[bytes]) -> Batch:
    """Removes records and ends their logins: written twice."""
    return Batch([(key, GONE) for key in keys], frozenset(keys))


def _states(outcome: Outcome) -> list[State]:
    deleted = [(to_key(id), GONE) for id in outcome.deleted()]
    return [(to_key(cookie.id), encode(cookie)) for cookie in outcome.altered()] + deleted


def _ended(outcome: Outcome) -> set[bytes]:
    """The records that are gone, or no longer have the login that they had."""
    return {
        to_key(id)
        for id, old in outcome.before.items()
        if id not in outcome.after or _login(old) not in (None, _login(outcome.after[id]))
    }


def _login(record: Stored) -> Auth | None:
    return record.auth if isinstance(record, Cookie) else None
