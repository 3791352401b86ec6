"""An index of an LMDB store: a sorted set of entries of one size, packed without overhead."""

from collections.abc import Callable, Iterable
from itertools import islice, takewhile
from operator import lt
from typing import Any

import lmdb

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE

# LMDB packs the values of one key, if all have one size, closer than it packs keys: so the entries
# are the values of this one.
THE_KEY = b"\0"

Keyed = tuple[bytes, Cookie]


class Index:
    """
    Entries are a prefix, by which they are sorted and found, and the key of the record.

    :param prefix_of: the prefix of a record, always of one size; None for one that is not indexed.
    """

    def __init__(
        self, env: Any, txn: Any, name: bytes, prefix_of: Callable[[Cookie], bytes | None]
    ) -> None:
        self.db = env.open_db(name, txn=txn, dupsort=True, dupfixed=True)
        self._prefix_of = prefix_of

    def update(self, txn: Any, gone: Iterable[Keyed], come: Iterable[Keyed]) -> None:
        """Remove the entries of records that have gone, and add those of records that came."""
        old, new = self.entries(gone), self.entries(come)
        self.remove(txn, old - new)
        self.add(txn, new - old)

    def add(self, txn: Any, entries: Iterable[bytes]) -> None:
        # Appending (MDB_APPENDDUP) fills pages, other insertions leave them half empty.
        appending = True
        for entry in sorted(entries):
            appending = appending and txn.put(THE_KEY, entry, append=True, db=self.db)
            if not appending:
                txn.put(THE_KEY, entry, db=self.db)

    def entries(self, records: Iterable[Keyed]) -> set[bytes]:
        prefixes = ((self._prefix_of(cookie), key) for key, cookie in records)
        return {prefix + key for prefix, key in prefixes if prefix is not None}

    def has(self, txn: Any, entry: bytes) -> bool:
        with txn.cursor(self.db) as entries:
            found: bool = entries.set_key_dup(THE_KEY, entry)
            return found

    def remove(self, txn: Any, entries: Iterable[bytes]) -> None:
        for entry in entries:
            txn.delete(THE_KEY, entry, self.db)

    def range(self, txn: Any, start: bytes, stop: bytes, limit: int) -> list[bytes]:
        """
        The first `limit` entries from `start` on and before `stop`.

        :raises lmdb.CorruptedError: they are not in order: a walk that goes on from the last of
            them would not end.
        """
        with txn.cursor(self.db) as entries:
            if not entries.set_range_dup(THE_KEY, start):
                return []
            inside = takewhile(lambda entry: entry < stop, entries.iternext_dup())
            found = list(islice(inside, limit))
        if found and not (start <= found[0] and all(map(lt, found, found[1:]))):
            raise lmdb.CorruptedError("the entries of an index are not in order")
        return found

    def count(self, txn: Any) -> int:
        entries: int = txn.stat(self.db)["entries"]
        return entries

    def clear(self, txn: Any) -> None:
        txn.drop(self.db, delete=False)


def record_key(entry: bytes) -> bytes:
    """The key of the record to which an entry leads."""
    return entry[-KEY_SIZE:]
