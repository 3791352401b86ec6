"""Cookies in Redis or Valkey, with Sentinel or as a cluster too: for any number of nodes."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    IRevocationFeed,
    IServerTime,
    IUserRevocation,
)
from cookietrack_plugin.record import (
    MAX_KEPT_IDS,
    Change,
    Cookie,
    UserRevoked,
    is_id,
    matches,
)
from cookietrack_plugin.stores.kit.fold import DAMAGED
from cookietrack_plugin.stores.kit.unreadable import UnreadableLog
from cookietrack_plugin.stores.redis.batch import Batches
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.eviction import EvictionCheck
from cookietrack_plugin.stores.redis.expired import expire
from cookietrack_plugin.stores.redis.faults import translated
from cookietrack_plugin.stores.redis.feed import Cursor, FeedReader
from cookietrack_plugin.stores.redis.indexes import Indexes
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.lookup import look_up, read
from cookietrack_plugin.stores.redis.paging import Index, Pages, place_at
from cookietrack_plugin.stores.redis.swap import Found
from cookietrack_plugin.stores.redis.user_revocation import UserRevoker

log = logging.getLogger(__name__)

# Records that a page has at most.
_MAX_PAGE = 1_000
# Records whose size is measured, as a sample of all.
_SAMPLE = 20


@implementer(ICookieStore, IRevocationFeed, IServerTime, IUserRevocation)
class RedisStore:
    """
    A key a record, and for each partition an index of what expires when, an index for each user, a
    stream of revocations, and fences.

    :param place: the server, as people may see it.
    """

    reads_block = True
    commits_block = True
    _look_up = staticmethod(look_up)

    def __init__(self, client: Client, layout: Layout, place: str) -> None:
        self._client = client
        self._layout = layout
        self._place = place
        self._batches = Batches(layout)
        self._indexes = Indexes(client)
        self._pages = Pages(client)
        self._feed = FeedReader(client, layout)
        self._eviction = EvictionCheck(client, layout.partitions, place)
        self._revoker = UserRevoker(client, layout, self._eviction)
        self._unreadable = UnreadableLog(log, place)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        with self._answering():
            found = self._client.complete(self._look_up(self._by_partition(ids)))
        return self._readable(found)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        """
        With several `partitions`, all or none in each of them; where it raises StoreUnavailable,
        some may have their part of `changes`.
        """
        with self._answering():
            return self._client.complete(self._batches.apply(changes))

    def expire(self, now: int, limit: int) -> int:
        with self._answering():
            self._eviction.is_suspect()
            return expire(self._client, self._layout, now, limit)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        """In the order of indexes: a record that is touched during a walk may be met twice."""
        last = None if cursor is None else place_at(cursor)
        limit = min(limit, _MAX_PAGE)
        with self._answering():
            indexes = self._indexes_of(authid, authrealm)
            if last and last.index not in indexes and self._layout.has(*last.index):
                raise StoreUnavailable(
                    f"{self._place} has begun or ceased to evict indexes: begin the walk again"
                )
            places = self._pages.after(last, indexes, limit)
        found = self.load([each.member[1].decode() for each in places])
        page = [each for each in found.values() if matches(each.auth, authid, authrealm)]
        return page, places[-1].cursor() if len(places) == limit else None

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """See `user_revocation`."""
        if len(keep) > MAX_KEPT_IDS:
            raise ValueError(f"expected at most {MAX_KEPT_IDS} ids to keep, found {len(keep)}")
        # The fence separates ids by commas and spaces.
        revoked = UserRevoked(authid, authrealm, frozenset(filter(is_id, keep)))
        with self._answering():
            return self._revoker.revoke(revoked)

    def revoked_since(self, cursor: Cursor | None) -> tuple[Sequence[str | UserRevoked], Cursor]:
        with self._answering():
            return self._feed.since(cursor)

    def server_time(self) -> int:
        """The time of the master of the first partition."""
        with self._answering():
            return self._client.time_at(self._layout.partitions[0].expiry)

    def stat(self) -> Mapping[str, Any]:
        with self._answering():
            counts = self._client.run([("ZCARD", each.expiry) for each in self._layout.partitions])
            sizes = [size for each in self._layout.partitions for size in self._sizes(each)]
        average = sum(sizes) / max(1, len(sizes))
        return {"cookies": sum(counts), "bytes": round(sum(counts) * average)}

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _indexes_of(self, authid: str | None, authrealm: str | None) -> list[Index]:
        """The indexes that have all records of the user: its own, where they can be relied on."""
        if authid is None or self._eviction.is_suspect():
            return [(partition.number, partition.expiry) for partition in self._layout.partitions]
        indexes = self._indexes.of_user(self._layout.partitions, authid, authrealm)
        return [(partition.number, key) for partition, keys in indexes.items() for key in keys]

    def _by_partition(self, ids: Sequence[str]) -> Mapping[Partition, Sequence[str]]:
        """What is no id has no record."""
        wanted: dict[Partition, list[str]] = defaultdict(list)
        for id in filter(is_id, dict.fromkeys(ids)):
            wanted[self._layout.of(id)].append(id)
        return wanted

    def _readable(self, found: Mapping[str, Found]) -> dict[str, Cookie]:
        """The records that are there and can be decoded."""
        for each in found.values():
            if each.record is DAMAGED:
                self._unreadable.note(each.id, "damaged, or of a newer version")
        records = (each.record for each in found.values())
        return {record.id: record for record in records if isinstance(record, Cookie)}

    def _sizes(self, partition: Partition) -> list[int]:
        """What a few records take, each with its place in the index."""
        ids = self._client.run([("ZRANDMEMBER", partition.expiry, _SAMPLE)])[0]
        keys = [partition.cookie(id.decode()) for id in ids]
        sizes = self._client.run([("MEMORY", "USAGE", key) for key in keys])
        return [size for size in sizes if size]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailable(f"{self._place} is closed")
        with translated(self._place):
            yield


class RedisReader(RedisStore):
    """The same for reading, by a Redis user who may have no other permission."""

    _look_up = staticmethod(read)
