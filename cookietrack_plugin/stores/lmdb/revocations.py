"""The revocations of an LMDB store in the order of their commits, for those who share it."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from cookietrack_plugin.errors import StoreUnavailable

# Some megabytes. Who reads once a second misses none below a hundred thousand revocations a second.
KEPT = 131_072


class RevocationLog:
    """Keys of records by consecutive numbers; of the oldest, only the latest `KEPT` are there."""

    def __init__(self, env: Any, txn: Any) -> None:
        self.db = env.open_db(b"revoked", txn=txn)

    def append(self, txn: Any, keys: Sequence[bytes]) -> None:
        if not keys:
            return
        first, last = self._bounds(txn)
        for number, key in enumerate(keys, start=last + 1):
            txn.put(_packed(number), key, db=self.db)
        for number in range(first, last + len(keys) + 1 - KEPT):
            txn.delete(_packed(number), db=self.db)

    def since(self, txn: Any, cursor: int | None, limit: int) -> tuple[list[bytes], int]:
        """
        At most `limit` keys behind the number `cursor`, and the number of the last of them.

        :raises StoreUnavailable: they are no longer there, or never were.
        """
        first, last = self._bounds(txn)
        if cursor is None:
            return [], last
        if not first - 1 <= cursor <= last:
            raise StoreUnavailable(f"revocations since number {cursor} are no longer known")
        with txn.cursor(self.db) as entries:
            entries.set_range(_packed(cursor + 1))
            keys = list(islice(entries.iternext(keys=False), min(limit, last - cursor)))
        return keys, cursor + len(keys)

    def clear(self, txn: Any) -> None:
        """Forget all. A number is left out, so that every cursor from before is found too old."""
        _, last = self._bounds(txn)
        txn.drop(self.db, delete=False)
        txn.put(_packed(last + 2), b"", db=self.db)

    def count(self, txn: Any) -> int:
        entries: int = txn.stat(self.db)["entries"]
        return entries

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
