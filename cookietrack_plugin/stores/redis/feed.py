"""
Revocations for whoever shares the server: a stream a partition, which each reader reads on from the
entry it saw last. Where that entry is gone, so is what came behind it: the stream was trimmed, or
the server went back to an earlier state.
"""

from typing import Any

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition

# The entry that was seen last, for each partition: its number in the stream, and its id.
Cursor = tuple[tuple[bytes, bytes], ...]


class Revocations:
    """The reading end."""

    def __init__(self, client: Client, layout: Layout) -> None:
        self._client = client
        self._partitions = layout.partitions

    def since(self, cursor: Cursor | None) -> tuple[list[str], Cursor]:
        """
        What was revoked since `cursor`, and the next cursor.

        :raises StoreUnavailable: the cursor is too old, or of another history.
        """
        return self._begin() if cursor is None else self._continue(cursor)

    def _begin(self) -> tuple[list[str], Cursor]:
        commands = [("XREVRANGE", each.revoked, "+", "-", "COUNT", 1) for each in self._partitions]
        answers = self._client.run(commands)
        pairs = zip(self._partitions, answers, strict=True)
        return [], tuple(_seen(entries) or self._first(each) for each, entries in pairs)

    def _first(self, partition: Partition) -> tuple[bytes, bytes]:
        """Give an empty stream an entry that cursors can name."""
        self._client.run([("XADD", partition.revoked, "*", "id", "")])
        entries = self._client.run([("XREVRANGE", partition.revoked, "+", "-", "COUNT", 1)])[0]
        return _seen(entries) or (b"", b"")

    def _continue(self, cursor: Cursor) -> tuple[list[str], Cursor]:
        pairs = list(zip(self._partitions, cursor, strict=True))
        commands = [("XRANGE", each.revoked, seen[0], "+") for each, seen in pairs]
        ids, seen = [], []
        for before, entries in zip(cursor, self._client.run(commands), strict=True):
            if not entries or _seen(entries[:1]) != before:
                raise StoreUnavailable("what was revoked since the last look is no longer known")
            ids += [fields[b"id"].decode() for _, fields in entries[1:]]
            seen.append(_seen(entries[-1:]) or before)
        return ids, tuple(seen)


def _seen(entries: list[Any]) -> tuple[bytes, bytes] | None:
    return next(((number, fields[b"id"]) for number, fields in entries), None)
