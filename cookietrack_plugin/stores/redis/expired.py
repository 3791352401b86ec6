"""Records that have expired, deleted in steps."""

from collections.abc import Sequence

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.fold import Stored
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.lookup import read
from cookietrack_plugin.stores.redis.swap import Swap, run, swap_item

# Records that one script deletes: the server serves nobody else while it runs.
_STEP = 1000


def expire(client: Client, layout: Layout, now: int, limit: int) -> int:
    """Delete at most `limit` records that expired by `now`; how many were deleted."""
    count = 0
    for partition in layout.partitions:
        while count < limit and (ids := _due(client, partition, now, limit - count)):
            count += _delete(client, partition, ids, now)
    return count


def _due(client: Client, partition: Partition, now: int, limit: int) -> list[str]:
    limits = ("LIMIT", 0, min(limit, _STEP))
    command = ("ZRANGEBYSCORE", partition.expiry, "-inf", now, *limits)
    return [id.decode() for id in client.run([command])[0]]


def _delete(client: Client, partition: Partition, ids: Sequence[str], now: int) -> int:
    """
    Delete the records under the ids that have expired, unless they change; how many were deleted.

    A client may have been heard since the index was read. Then its record is stored as it is, which
    corrects the index.
    """
    found = client.complete(read({partition: ids})).values()
    doomed = [swap_item(partition, each, None) for each in found if not _lives(each.record, now)]
    living = [
        swap_item(partition, each, each.record)
        for each in found
        if isinstance(each.record, Cookie) and _lives(each.record, now)
    ]
    applied = client.complete(run([Swap(partition, [*doomed, *living])]))[0] or ()
    return sum(applied[: len(doomed)])


def _lives(record: Stored | None, now: int) -> bool:
    return isinstance(record, Cookie) and record.expires > now
