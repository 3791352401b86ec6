"""
The feed: a stream of revocations in each partition, which each reader reads on from the entry that
it saw last. If that entry is gone, so may be later ones: the stream was trimmed, or the server went
back to an earlier state.

An entry has the field `id` (a record was deleted, or changed hands); or `keep`, and `authid` and
`authrealm` unless they are any (a user was revoked); or `fence` (a user is being revoked: it gives
the fence a position, and readers skip it); or an empty `id` (the first entry, which they skip too).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from redis.exceptions import ResponseError

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import UserRevoked, is_id
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.rounds import Command, Round, checked

# An entry of a stream: its number there, and what it says.
Entry = tuple[bytes, bytes]
# The entry that was seen last, for each partition.
Cursor = tuple[Entry, ...]
# Where an entry is in its stream: milliseconds, and a number within them.
Position = tuple[int, int]

# Entries of a stream that are read in one step, so that a long backlog does not block the server.
_PAGE = 1000

_NUMBER = re.compile(rb"(\d{1,19})-(\d{1,19})")


class FeedReader:
    """Reads the streams of all partitions."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._partitions = layout.partitions

    def since(self, cursor: Cursor | None) -> tuple[list[str | UserRevoked], Cursor]:
        """
        What was revoked since `cursor`, and the next cursor. A user whose entries are read in
        several partitions is given once.

        :raises PositionLost: the cursor is too old, of another history, or none at all.
        """
        return self._begin() if cursor is None else self._continue(cursor)

    def _begin(self) -> tuple[list[str | UserRevoked], Cursor]:
        commands = [("XREVRANGE", each.revoked, "+", "-", "COUNT", 1) for each in self._partitions]
        answers = self._ask(commands, self._partitions)
        pairs = zip(self._partitions, answers, strict=True)
        return [], tuple(_first(entries) or self._make_entry(each) for each, entries in pairs)

    def _make_entry(self, partition: Partition) -> Entry:
        """Give an empty stream an entry that cursors can name."""
        self._client.run([("XADD", partition.revoked, "*", "id", "")])
        entries = self._client.run([("XREVRANGE", partition.revoked, "+", "-", "COUNT", 1)])[0]
        return _first(entries) or (b"0-0", b"")

    def _continue(self, cursor: Cursor) -> tuple[list[str | UserRevoked], Cursor]:
        seen = self._entries(cursor)
        revoked: dict[str | UserRevoked, None] = {}
        behind = list(self._partitions)
        while behind:
            pages = list(zip(behind, self._pages(behind, seen), strict=True))
            for partition, entries in pages:
                if _first(entries) != seen[partition]:
                    raise _lost()
                told = (_revocation(_mapping(fields)) for _, fields in entries[1:])
                revoked.update((each, None) for each in told if each)
                seen[partition] = _first(entries[-1:]) or seen[partition]
            behind = [partition for partition, entries in pages if len(entries) > _PAGE]
        return list(revoked), tuple(seen.values())

    def _entries(self, cursor: object) -> dict[Partition, Entry]:
        found = {each: entry_of(cursor, each, len(self._partitions)) for each in self._partitions}
        entries = {partition: entry for partition, entry in found.items() if entry}
        if len(entries) < len(found):
            raise _lost()
        return entries

    def _pages(self, partitions: Sequence[Partition], seen: Mapping[Partition, Entry]) -> list[Any]:
        """Of each partition the entry that was seen last, and the next ones."""
        count = ("COUNT", _PAGE + 1)
        commands = [("XRANGE", each.revoked, seen[each][0], "+", *count) for each in partitions]
        return self._ask(commands, partitions)

    def _ask(self, commands: Sequence[Command], partitions: Sequence[Partition]) -> list[Any]:
        """
        The answers of servers that accept writes: one that has become a replica may not know the
        latest revocations. A write without effect, sent with the commands, finds out.

        :raises RedisError: one refuses writes, and not because of a fault of its disk.
        """
        writes = [("DEL", each.nothing) for each in partitions]
        answers = self._client.exchange(Round([*commands, *writes]))
        checked([each for each in answers[len(commands) :] if not _is_disk_fault(each)])
        return checked(answers[: len(commands)])


def entry_of(cursor: object, partition: Partition, partitions: int) -> Entry | None:
    """
    The entry that `cursor` saw last in the partition; None if it is no cursor of such a store.

    :param partitions: how many the store has.
    """
    if not isinstance(cursor, tuple) or len(cursor) != partitions:
        return None
    entry = cursor[partition.number]
    match entry:
        case (bytes() as number, bytes()) if _NUMBER.fullmatch(number):
            return entry
    return None


def position_of(number: bytes) -> Position:
    """The number of an entry, in a form that can be compared."""
    milliseconds, _, sequence = number.partition(b"-")
    return int(milliseconds), int(sequence)


def entry_query(partition: Partition, entry: Entry) -> Command:
    """The command that asks whether the stream has `entry`: see `is_there`."""
    return "XRANGE", partition.revoked, entry[0], entry[0], "COUNT", 1


def is_there(entry: Entry, answer: Any) -> bool:
    """Whether the stream has `entry`, by the answer to `entry_query`."""
    return _first(answer) == entry


def user_fields(user: UserRevoked) -> list[str | bytes]:
    """The fields of an entry that says that a user was revoked, and their values."""
    fields: list[str | bytes] = ["keep", ",".join(sorted(user.keep))]
    for name, text in (("authid", user.authid), ("authrealm", user.authrealm)):
        if text is not None:
            fields += name, text.encode("utf-8", "surrogatepass")
    return fields


def _revocation(fields: Mapping[bytes, bytes]) -> str | UserRevoked | None:
    if b"keep" in fields:
        keep = fields[b"keep"].decode()
        authid, authrealm = _text(fields, b"authid"), _text(fields, b"authrealm")
        return UserRevoked(authid, authrealm, frozenset(filter(is_id, keep.split(","))))
    return fields.get(b"id", b"").decode() or None


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str | None:
    return fields[name].decode("utf-8", "surrogatepass") if name in fields else None


def _first(entries: Sequence[tuple[bytes, Sequence[bytes]]]) -> Entry | None:
    return next(((number, b"\0".join(fields[1::2])) for number, fields in entries), None)


def _mapping(fields: Sequence[bytes]) -> Mapping[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _is_disk_fault(answer: Any) -> bool:
    return isinstance(answer, ResponseError) and str(answer).startswith("MISCONF")


def _lost() -> PositionLost:
    return PositionLost("what was revoked since this position is no longer known")
