"""
Which logins of a batch the fences refuse.

Nearly always none does: nobody was revoked since any of them began. Where no record has to be read
either, the script that writes the batch finds that out, in the same round trip.

Otherwise fences are read with the records, and applied by the rule that all stores share
(`stores.kit.fences`). The script compares the last fence with the one that was read: if a user was
revoked in between, it writes nothing, and the batch begins again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from cookietrack_plugin.record import Change, Login, fenced_logins, is_id
from cookietrack_plugin.stores.kit.fences import Fence, Name, any_refuses, names_of
from cookietrack_plugin.stores.redis.feed import (
    Entry,
    entry_of,
    entry_query,
    is_there,
    position_of,
)
from cookietrack_plugin.stores.redis.keys import Partition, digest_of
from cookietrack_plugin.stores.redis.rounds import Command


@frozen
class Fencing:
    """
    What a partition's fences say. `last`: the position of the one that was raised last. `fences`:
    of those names that logins of the batch have. `known`: the entries that logins know, and the
    stream still has. `partitions`: how many the store has.
    """

    partition: Partition
    partitions: int
    last: bytes
    fences: Mapping[Name, Fence]
    known: frozenset[Entry]

    def refused(self, changes: Sequence[Change]) -> set[str]:
        """The ids of those of `changes` that store a login which does not apply."""
        return {login.id for login in fenced_logins(changes) if self.refuses(login)}

    def refuses(self, login: Login) -> bool:
        """Whether `login` does not apply: its user was revoked since, or it cannot be known."""
        entry = entry_of(login.since, self.partition, self.partitions)
        if entry is None or entry not in self.known:
            return True
        fences = (self.fences.get(name) for name in names_of(*login.identity))
        return any_refuses(fences, login.id, position_of(entry[0]))


class FenceQuery:
    """
    Asks for the fences that concern some logins.

    :param partitions: how many the store has.
    """

    def __init__(self, partition: Partition, partitions: int, logins: Sequence[Login]) -> None:
        self.partition = partition
        self._partitions = partitions
        identities = dict.fromkeys(login.identity for login in logins)
        self._names = list(dict.fromkeys(name for each in identities for name in names_of(*each)))
        self._entries = list(filter(None, _entries(partition, partitions, logins)))

    def commands(self) -> list[Command]:
        fields = (digest_of(*name) for name in self._names)
        return [
            ("HMGET", self.partition.fences, "last", *fields),
            *(entry_query(self.partition, entry) for entry in self._entries),
        ]

    def read(self, answers: Iterator[Any]) -> Fencing:
        """The fences, from the answers to the commands."""
        last, *values = next(answers)
        fences = {
            name: fence_of(value) for name, value in zip(self._names, values, strict=True) if value
        }
        known = frozenset(entry for entry in self._entries if is_there(entry, next(answers)))
        return Fencing(self.partition, self._partitions, last or b"", fences, known)


def known_entries(
    partition: Partition, partitions: int, logins: Sequence[Login]
) -> Sequence[Entry]:
    """The entries of the partition's feed that the logins know; none if one of them knows none."""
    entries = _entries(partition, partitions, logins)
    return [] if None in entries else list(filter(None, entries))


def _entries(
    partition: Partition, partitions: int, logins: Sequence[Login]
) -> Mapping[Entry | None, None]:
    """The entries that the logins know, each once; None is that of a login that knows none."""
    return dict.fromkeys(entry_of(login.since, partition, partitions) for login in logins)


def fence_of(value: bytes) -> Fence:
    """The fence that `value` stands for: its position, `kept_from`, and the ids that it kept."""
    position, kept_from, keep = value.split(b" ", 2)
    return Fence(
        position_of(position),
        frozenset(filter(is_id, keep.decode().split(","))),
        position_of(kept_from) if kept_from else None,
    )
