"""Cookies in Redis or Valkey, with Sentinel or as a cluster too: for any number of nodes."""

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
from cookietrack_plugin.record import Change, Cookie, UserRevoked, matches
from cookietrack_plugin.stores.redis.batch import Batches
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.expired import expire
from cookietrack_plugin.stores.redis.faults import translated
from cookietrack_plugin.stores.redis.feed import Cursor, FeedReader
from cookietrack_plugin.stores.redis.indexes import Indexes, Recent
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.replicas import Replicas
from cookietrack_plugin.stores.redis.swap import look_up, read
from cookietrack_plugin.stores.redis.user_revocation import UserRevoker

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

    def __init__(self, client: Client, layout: Layout, replicas: Replicas, place: str) -> None:
        self._client = client
        self._layout = layout
        self._replicas = replicas
        self._place = place
        self._batches = Batches(client, layout)
        self._indexes = Indexes(client)
        self._feed = FeedReader(client, layout)
        self._revoker = UserRevoker(client, layout)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        wanted: dict[Partition, list[str]] = defaultdict(list)
        for id in dict.fromkeys(ids):
            wanted[self._layout.of(id)].append(id)
        with self._answering():
            found = self._look_up(self._client, wanted)
        records = (each.record for each in found.values())
        return {record.id: record for record in records if isinstance(record, Cookie)}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        """
        With several `partitions`, all or none in each of them; where it raises StoreUnavailable,
        some may have their part of `changes`.
        """
        with self._answering():
            applied = self._batches.apply(changes)
            self._replicas.wait({self._layout.of(change.id) for change in changes})
        return applied

    def expire(self, now: int, limit: int) -> int:
        with self._answering():
            return expire(self._client, self._layout, now, limit)

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        """Over indexes, in steps. See `Recent` for how each record is given once."""
        recent = Recent()
        for index in self._indexes_of(authid, authrealm):
            for ids in self._pages(index):
                for cookie in self.load(recent.new(ids)).values():
                    if matches(cookie.auth, authid, authrealm):
                        yield cookie

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        """See `user_revocation`."""
        with self._answering():
            count = self._revoker.revoke(UserRevoked(authid, authrealm, frozenset(keep)))
            self._replicas.wait(self._layout.partitions)
        return count

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

    def _indexes_of(self, authid: str | None, authrealm: str | None) -> list[str]:
        """Those that have all records of the user."""
        if authid is None:
            return [partition.expiry for partition in self._layout.partitions]
        with self._answering():
            indexes = self._indexes.of_user(self._layout.partitions, authid, authrealm)
        return [index for each in indexes.values() for index in each]

    def _pages(self, index: str) -> Iterator[list[str]]:
        cursor: int | None = None
        while cursor != 0:
            with self._answering():
                cursor, ids = self._indexes.page(index, cursor or 0)
            yield ids

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
    """The same for people who look at it, whose user may have the right to read and no other."""

    _look_up = staticmethod(read)
