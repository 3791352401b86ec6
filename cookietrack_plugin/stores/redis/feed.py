"""
Revocations for whoever shares the server: a stream a partition, which each reader reads on from the
entry it saw last. Where that entry is gone, so is what came behind it: the stream was trimmed, or
the server went back to an earlier state.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition

# The entry that was seen last, for each partition: its number in the stream, and its id.
Cursor = tuple[tuple[bytes, bytes], ...]

# Entries of a stream that are read in one step: who was away for long does not hold up the server.
_PAGE = 1000


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
        ids: list[str] = []
        seen = dict(zip(self._partitions, cursor, strict=True))
        behind = list(self._partitions)
        while behind:
            pages = list(zip(behind, self._pages(behind, seen), strict=True))
            for partition, entries in pages:
                if not entries or _seen(entries[:1]) != seen[partition]:
                    raise StoreUnavailable(
                        "what was revoked since the last look is no longer known"
                    )
                ids += [fields[b"id"].decode() for _, fields in entries[1:]]
                seen[partition] = _seen(entries[-1:]) or seen[partition]
            behind = [partition for partition, entries in pages if len(entries) > _PAGE]
        return ids, tuple(seen.values())

    def _pages(
        self, partitions: Sequence[Partition], seen: Mapping[Partition, tuple[bytes, bytes]]
    ) -> list[Any]:
        """Of each partition the entry that was seen last, and the next ones."""
        count = ("COUNT", _PAGE + 1)
        return self._client.run(
            [("XRANGE", each.revoked, seen[each][0], "+", *count) for each in partitions]
        )


def _seen(entries: list[Any]) -> tuple[bytes, bytes] | None:
    return next(((number, fields[b"id"]) for number, fields in entries), None)
