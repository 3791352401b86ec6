"""The log of an LMDB store's revocations, in the order of their commits."""

from collections.abc import Sequence
from itertools import islice
from secrets import randbits
from typing import Any

import cbor2

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE, id_of, name_of, packed_name

# Some megabytes. A reader that reads once a second misses none below 100,000 revocations a second.
KEPT = 131_072
# Random beginnings of so many bits are far from each other, and from the largest number.
_START_BITS = 62
# The entry of a user begins with this, and is longer than that of a record, which is its key.
_USER = bytes(KEY_SIZE + 1)


def user_entry(revoked: UserRevoked) -> bytes:
    name = packed_name(revoked.authid, revoked.authrealm)
    return _USER + cbor2.dumps([name, sorted(revoked.keep)])


def read_entry(entry: bytes) -> str | UserRevoked:
    """The id of a record, or the user."""
    if not entry.startswith(_USER):
        return id_of(entry)
    name, keep = cbor2.loads(entry[len(_USER) :])
    return UserRevoked(*name_of(name), frozenset(keep))


class RevocationLog:
    """Entries by consecutive numbers, which are positions; only the latest `KEPT` are there."""

    def __init__(self, env: Any, txn: Any) -> None:
        self.db = env.open_db(b"revoked", txn=txn)

    def begin(self, txn: Any) -> None:
        """Begin at a random number, so that no position of another store is one of this store."""
        self._go_on(txn, randbits(_START_BITS))

    def append(self, txn: Any, entries: Sequence[bytes]) -> list[tuple[int, UserRevoked]]:
        """Add `entries`; the users among the entries that it drops for them, with positions."""
        if not entries:
            return []
        first, last = self._bounds(txn)
        for number, entry in enumerate(entries, start=last + 1):
            txn.put(_packed(number), entry, db=self.db)
        return self._forget(txn, range(first, last + len(entries) + 1 - KEPT))

    def shorten(self, txn: Any, count: int) -> tuple[int, list[tuple[int, UserRevoked]]]:
        """
        Drop the oldest `count` entries, but not the last one, which is the position; how many were
        dropped, and the users among them with their positions.
        """
        first, last = self._bounds(txn)
        numbers = range(first, min(first + count, last))
        return len(numbers), self._forget(txn, numbers)

    def since(self, txn: Any, cursor: Any, limit: int) -> tuple[list[str | UserRevoked], int]:
        """
        At most `limit` entries behind the position `cursor`, and the position of the last of them.

        :raises PositionLost: they are no longer there, or never were.
        """
        if cursor is None:
            return [], self.last(txn)
        if not self.knows(txn, cursor):
            raise PositionLost(f"revocations since position {cursor!r} are no longer known")
        with txn.cursor(self.db) as found:
            found.set_range(_packed(cursor + 1))
            entries = list(islice(found.iternext(keys=False), min(limit, self.last(txn) - cursor)))
        return list(map(read_entry, entries)), cursor + len(entries)

    def knows(self, txn: Any, position: Any) -> bool:
        """Whether everything that was revoked since `position` is there."""
        first, last = self._bounds(txn)
        return isinstance(position, int) and first - 1 <= position <= last

    def last(self, txn: Any) -> int:
        """The latest position; 0 before there is any."""
        return self._bounds(txn)[1]

    def clear(self, txn: Any) -> None:
        """Drop all. A number is skipped, so that every earlier cursor is too old."""
        last = self.last(txn)
        txn.drop(self.db, delete=False)
        self._go_on(txn, last + 2)

    def count(self, txn: Any) -> int:
        entries: int = txn.stat(self.db)["entries"]
        return entries

    def _go_on(self, txn: Any, position: int) -> None:
        """Put an empty entry at `position`: nothing before it is known."""
        txn.put(_packed(position), b"", db=self.db)

    def _forget(self, txn: Any, numbers: range) -> list[tuple[int, UserRevoked]]:
        forgotten = [(number, txn.pop(_packed(number), self.db)) for number in numbers]
        return [
            (number, revoked)
            for number, entry in forgotten
            if isinstance(revoked := read_entry(entry), UserRevoked)
        ]

    def _bounds(self, txn: Any) -> tuple[int, int]:
        """The first and the last number; (1, 0) where there is none."""
        with txn.cursor(self.db) as entries:
            if not entries.last():
                return 1, 0
            last = entries.key()
            entries.first()
            return int.from_bytes(entries.key(), "big"), int.from_bytes(last, "big")


def _packed(number: int) -> bytes:
    return number.to_bytes(8, "big")
