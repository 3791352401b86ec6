"""Cookies in Redis or Valkey, with Sentinel or as a cluster too: for any number of nodes."""

import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IRevocationFeed
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.kit.options import check_options, wrong_option
from cookietrack_plugin.stores.redis.batch import Batches
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.durability import weaknesses
from cookietrack_plugin.stores.redis.faults import translated
from cookietrack_plugin.stores.redis.feed import Cursor, Revocations
from cookietrack_plugin.stores.redis.format import prepare_format
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.replicas import Replicas
from cookietrack_plugin.stores.redis.shape import check_shape, infos
from cookietrack_plugin.stores.redis.swap import Swap, read, run, swap_item
from cookietrack_plugin.stores.redis.url import parse_url

PREFIX = "cookietrack"
TIMEOUT = 5.0

log = logging.getLogger(__name__)

_PREFIX = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
# Records of a scan that are in memory at a time, about.
_PAGE = 500
# Records that one script deletes: the server does nothing else meanwhile.
_STEP = 1000
# Records whose room is measured for the whole.
_SAMPLE = 20


@implementer(ICookieStoreProvider)
class RedisProvider:
    """
    `{"type": "redis", "url": "redis://user:${NAME}@host:6379/0"}`, with `prefix` of all keys,
    `timeout` (seconds to connect, and for an answer), `replicas` (how many have to have a commit
    before it counts) and `partitions` (over how many slots of a cluster the records are spread).
    """

    summary = "in Redis or Valkey, one server or a cluster of them: shared by any number of nodes"
    volatile = False
    exclusive = False
    place = "url"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(
            options,
            required={"url": str},
            optional={"prefix": str, "timeout": float, "replicas": int, "partitions": int},
        )
        parse_url(options["url"])
        prefix = options.get("prefix", PREFIX)
        if not _PREFIX.fullmatch(prefix):
            raise wrong_option("prefix", prefix, "up to 100 letters, digits, or any of _ . : -")
        timeout = options.get("timeout", TIMEOUT)
        if not 0.1 <= timeout <= 3600:
            raise wrong_option("timeout", timeout, "a number of seconds from 0.1 to 3600")
        for name, least in (("replicas", 0), ("partitions", 1)):
            if not least <= options.get(name, least) <= 1024:
                raise wrong_option(name, options[name], f"an integer from {least} to 1024")

    def open(self, options: Mapping[str, Any], node_dir: str) -> "RedisStore":
        url = parse_url(options["url"])
        layout = Layout(options.get("prefix", PREFIX), options.get("partitions", 1))
        replicas = options.get("replicas", 0)
        timeout = options.get("timeout", TIMEOUT)
        with translated(url.shown, opening=True):
            client = Client(url, node_dir, timeout)
            try:
                described = infos(client)
                for info in described:
                    check_shape(info, url)
                prepare_format(client, layout)
                for weakness in weaknesses(client, described, replicas):
                    log.warning("%s can lose logins: %s", url.shown, weakness)
            except BaseException:
                client.close()
                raise
        return RedisStore(client, layout, Replicas(client, replicas, timeout / 2), url.shown)


@implementer(ICookieStore, IRevocationFeed)
class RedisStore:
    """
    A key a record, and for each partition an index of what expires when, an index a user, and a
    stream of revocations.

    :param place: the server, as people may see it.
    """

    reads_block = True
    commits_block = True

    def __init__(self, client: Client, layout: Layout, replicas: Replicas, place: str) -> None:
        self._client = client
        self._layout = layout
        self._replicas = replicas
        self._place = place
        self._batches = Batches(client, layout)
        self._revocations = Revocations(client, layout)
        self._closed = False

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        wanted: dict[Partition, list[str]] = defaultdict(list)
        for id in dict.fromkeys(ids):
            wanted[self._layout.of(id)].append(id)
        with self._answering():
            found = read(self._client, wanted)
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
        count = 0
        with self._answering():
            for partition in self._layout.partitions:
                while count < limit and (ids := self._due(partition, now, limit - count)):
                    count += self._delete(partition, ids)
        return count

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        """
        Over an index in steps (ZSCAN): a record that is there all the while is given once, unless
        nine tenths of the store are deleted meanwhile: then it can be given twice.
        """
        for partition in self._layout.partitions:
            index = partition.expiry if authid is None else partition.authid(authid)
            for ids in self._pages(index):
                for cookie in self.load(ids).values():
                    if _is_of(cookie, authid, authrealm):
                        yield cookie

    def stat(self) -> Mapping[str, Any]:
        with self._answering():
            counts = self._client.run([("ZCARD", each.expiry) for each in self._layout.partitions])
            sizes = [size for each in self._layout.partitions for size in self._sizes(each)]
        average = sum(sizes) / max(1, len(sizes))
        return {"cookies": sum(counts), "bytes": round(sum(counts) * average)}

    def revoked_since(self, cursor: Cursor | None) -> tuple[Sequence[str], Cursor]:
        with self._answering():
            return self._revocations.since(cursor)

    def close(self) -> None:
        self._closed = True
        self._client.close()

    def _due(self, partition: Partition, now: int, limit: int) -> list[str]:
        limits = ("LIMIT", 0, min(limit, _STEP))
        command = ("ZRANGEBYSCORE", partition.expiry, "-inf", now, *limits)
        return [id.decode() for id in self._client.run([command])[0]]

    def _delete(self, partition: Partition, ids: Sequence[str]) -> int:
        """Delete what is under the ids, unless somebody changes it meanwhile; how many it was."""
        found = read(self._client, {partition: ids})
        items = [swap_item(partition, each, None) for each in found.values()]
        return sum(run(self._client, [Swap(partition, items)])[0] or ())

    def _pages(self, index: str) -> Iterator[list[str]]:
        cursor = None
        while cursor != 0:
            with self._answering():
                command = ("ZSCAN", index, cursor or 0, "COUNT", _PAGE)
                cursor, members = self._client.run([command])[0]
            for start in range(0, len(members), _PAGE):
                yield [id.decode() for id, _ in members[start : start + _PAGE]]

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


def _is_of(cookie: Cookie, authid: str | None, authrealm: str | None) -> bool:
    found = (cookie.auth.authid, cookie.auth.authrealm) if cookie.auth else (None, None)
    return authid in (None, found[0]) and authrealm in (None, found[1])
