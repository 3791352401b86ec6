"""The schema of a Redis store: marked when it is first opened, and checked each time after."""

import logging
from typing import Any

from redis.exceptions import ResponseError

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
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
    marks = _marks(client, layout)
    if None in marks:
        client.run([("HSETNX", layout.meta, "version", VERSION)])
        client.run([("HSETNX", layout.meta, "partitions", len(layout.partitions))])
        marks = _marks(client, layout)
    if (version := _checked(marks, layout)) < VERSION:
        _upgrade(client, layout, version)


def require_schema(client: Client, layout: Layout) -> None:
    """
    Check the marks of a store that is there. Nothing is written.

    :raises StoreUnavailable: there is none, or an older one.
    :raises StoreCorrupt, ConfigError: as `prepare_schema`.
    """
    marks = _marks(client, layout)
    if None in marks:
        raise StoreUnavailable(f'there is no cookie store under the key "{layout.meta}"')
    if (version := _checked(marks, layout)) < VERSION:
        raise StoreUnavailable(
            f"the store has schema version {version}: the next node that starts brings it to"
            f" {VERSION}"
        )


def _marks(client: Client, layout: Layout) -> list[Any]:
    """
    The version and the number of partitions, None for one that is missing.

    :raises StoreCorrupt: the keys are another program's.
    """
    try:
        marks: list[Any] = client.run([("HMGET", layout.meta, "version", "partitions")])[0]
        client.run([("ZCARD", each.expiry) for each in layout.partitions])
        client.run([("XLEN", each.revoked) for each in layout.partitions])
    except ResponseError as error:
        if not str(error).startswith("WRONGTYPE"):
            raise
        raise _foreign(layout) from error
    return marks


def _checked(marks: list[Any], layout: Layout) -> int:
    """The version of a store that has these marks, once they are checked."""
    try:
        version, partitions = map(int, marks)
    except ValueError as error:
        raise _foreign(layout) from error
    _check(version, partitions, len(layout.partitions))
    return version


def _foreign(layout: Layout) -> StoreCorrupt:
    return StoreCorrupt(
        f'the keys "{layout.meta}" and so on are another program\'s:'
        f' choose another "prefix" in {PLACE}'
    )


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
