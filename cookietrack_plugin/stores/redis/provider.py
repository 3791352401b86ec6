"""The store type `redis`: from a `store` item to an open store."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider, IReadOnlyProvider
from cookietrack_plugin.stores.kit.options import Number, Option, Options, Text, timeout_option
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.durability import durability_warnings
from cookietrack_plugin.stores.redis.eviction import require_noeviction
from cookietrack_plugin.stores.redis.faults import translated
from cookietrack_plugin.stores.redis.keys import Layout
from cookietrack_plugin.stores.redis.nonblocking import NonBlockingRedisStore
from cookietrack_plugin.stores.redis.probe import find_mistake
from cookietrack_plugin.stores.redis.replicas import require_replicas
from cookietrack_plugin.stores.redis.schema import prepare_schema, require_schema
from cookietrack_plugin.stores.redis.store import RedisReader, RedisStore
from cookietrack_plugin.stores.redis.topology import check_topology, infos
from cookietrack_plugin.stores.redis.url import check_files, parse_url

log = logging.getLogger(__name__)

_MOST = 1024
OPTIONS = Options(
    url=Option("where the server, the sentinels or the cluster are"),
    prefix=Text(
        "what all keys begin with",
        default="cookietrack",
        pattern=re.compile(r"[A-Za-z0-9_.:-]{1,100}"),
        described="up to 100 letters, digits, or any of _ . : -",
    ),
    timeout=timeout_option("seconds to connect, and for every answer"),
    replicas=Number(
        "how many replicas have to have a commit before it counts", default=0, low=0, high=_MOST
    ),
    partitions=Number(
        "over how many slots of a cluster the records are spread", default=1, low=1, high=_MOST
    ),
)


@implementer(ICookieStoreProvider, IReadOnlyProvider)
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
    options = OPTIONS

    def check(self, options: Mapping[str, Any]) -> None:
        self.options.check(options)
        parse_url(options["url"])

    def open(self, options: Mapping[str, Any], node_dir: str) -> RedisStore:
        return _open(RedisStore, _prepare, options, node_dir)

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> RedisStore:
        return _open(RedisReader, require_schema, options, node_dir)


def _open(
    made: type[RedisStore],
    prepare: Callable[[Client, Layout], None],
    options: Mapping[str, Any],
    node_dir: str,
) -> RedisStore:
    url = parse_url(options["url"])
    timeout = OPTIONS.value(options, "timeout")
    check_files(url, node_dir)
    try:
        with translated(url.shown, opening=True):
            client = Client(url, node_dir, timeout, OPTIONS.value(options, "replicas"))
            try:
                return _opened(made, prepare, options, client)
            except BaseException:
                client.close()
                raise
    except StoreUnavailable:
        with translated(url.shown, opening=True):
            find_mistake(url, node_dir, timeout)
        raise


def _opened(
    made: type[RedisStore],
    prepare: Callable[[Client, Layout], None],
    options: Mapping[str, Any],
    client: Client,
) -> RedisStore:
    url = parse_url(options["url"])
    replicas = OPTIONS.value(options, "replicas")
    layout = Layout(OPTIONS.value(options, "prefix"), OPTIONS.value(options, "partitions"))
    described = infos(client)
    for info in described:
        check_topology(info, url)
        if made is RedisStore:
            require_noeviction(info, url.shown)
            require_replicas(info, replicas, url.shown)
    prepare(client, layout)
    for warning in durability_warnings(client, described, replicas):
        log.warning("%s can lose logins: %s", url.shown, warning)
    if made is RedisStore and client.is_plain:
        return NonBlockingRedisStore(client, layout, url.shown, OPTIONS.value(options, "timeout"))
    return made(client, layout, url.shown)


def _prepare(client: Client, layout: Layout) -> None:
    # Otherwise a user without this permission would be refused at the first login.
    client.time_at(layout.partitions[0].expiry)
    prepare_schema(client, layout)
