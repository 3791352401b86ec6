"""The format of a Redis store: marked when it is first opened, and checked ever after."""

from redis.exceptions import ResponseError

from cookietrack_plugin.errors import ConfigError, StoreCorrupt
from cookietrack_plugin.stores.redis_client import Client
from cookietrack_plugin.stores.redis_keys import Layout

VERSION = 1


def prepare_format(client: Client, layout: Layout) -> None:
    """
    Mark the store, or check the marks of who was here first.

    :raises StoreCorrupt: what is under the prefix is another program's, or of a newer version.
    :raises ConfigError: the store was made with another number of partitions.
    """
    number = len(layout.partitions)
    try:
        version, partitions = client.run([("HMGET", layout.meta, "version", "partitions")])[0]
        if version is None or partitions is None:
            client.run([("HSETNX", layout.meta, "version", VERSION)])
            client.run([("HSETNX", layout.meta, "partitions", number)])
            version, partitions = client.run([("HMGET", layout.meta, "version", "partitions")])[0]
        _check(int(version), int(partitions), number)
        for partition in layout.partitions:
            client.run([("ZCARD", partition.expiry), ("XLEN", partition.revoked)])
    except (ResponseError, ValueError) as error:
        if isinstance(error, ResponseError) and not str(error).startswith("WRONGTYPE"):
            raise
        raise StoreCorrupt(
            f'the keys "{layout.meta}" and so on are another program\'s:'
            ' choose another "prefix" in cookie store'
        ) from error


def _check(version: int, partitions: int, number: int) -> None:
    if version > VERSION:
        raise StoreCorrupt(
            f"the store has format {version}, and {VERSION} is the newest that is known here:"
            " upgrade cookietrack-plugin"
        )
    if partitions != number:
        raise ConfigError(
            f'"partitions" in cookie store: found {number}, allowed is {partitions}, with which the'
            " store was made"
        )
