"""The schema of a Redis store: marked when it is first opened, and checked ever after."""

import logging

from redis.exceptions import ResponseError

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.kit.options import PLACE, wrong_option
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout
from cookietrack_plugin.stores.redis.upgrade import upgrade_indexes

VERSION = 2

log = logging.getLogger(__name__)


def prepare_schema(client: Client, layout: Layout) -> None:
    """
    Mark a new store, check the marks of one that is there, and bring it to this version.

    :raises StoreCorrupt: what is under the prefix is another program's, or of a newer version.
    :raises ConfigError: the store was made with another number of partitions.
    """
    try:
        version, partitions = _marks(client, layout)
        client.run([("ZCARD", each.expiry) for each in layout.partitions])
        client.run([("XLEN", each.revoked) for each in layout.partitions])
    except (ResponseError, ValueError) as error:
        if isinstance(error, ResponseError) and not str(error).startswith("WRONGTYPE"):
            raise
        raise StoreCorrupt(
            f'the keys "{layout.meta}" and so on are another program\'s:'
            f' choose another "prefix" in {PLACE}'
        ) from error
    _check(version, partitions, len(layout.partitions))
    if version < VERSION:
        _upgrade(client, layout, version)


def _marks(client: Client, layout: Layout) -> tuple[int, int]:
    """The version and the number of partitions, ours where there were none."""
    wanted = ("HMGET", layout.meta, "version", "partitions")
    marks = client.run([wanted])[0]
    if None in marks:
        client.run([("HSETNX", layout.meta, "version", VERSION)])
        client.run([("HSETNX", layout.meta, "partitions", len(layout.partitions))])
        marks = client.run([wanted])[0]
    return int(marks[0]), int(marks[1])


def _check(version: int, partitions: int, number: int) -> None:
    if version > VERSION:
        raise StoreCorrupt(
            f"the store has schema version {version}, and {VERSION} is the newest that is known"
            " here: upgrade cookietrack-plugin"
        )
    if partitions != number:
        expected = f"{partitions}, with which the store was made"
        raise wrong_option("partitions", number, expected)


def _upgrade(client: Client, layout: Layout, version: int) -> None:
    log.info("the store has schema version %d and is upgraded to %d", version, VERSION)
    upgrade_indexes(client, layout)
    client.run([("HSET", layout.meta, "version", VERSION)])
