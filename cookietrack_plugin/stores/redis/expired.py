"""Records that have expired, deleted in steps."""

from collections.abc import Sequence

from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.swap import Swap, read, run, swap_item

# Records that one script deletes: the server does nothing else in the time.
_STEP = 1000


def expire(client: Client, layout: Layout, now: int, limit: int) -> int:
    """Delete at most `limit` records that expired by `now`; how many were deleted."""
    count = 0
    for partition in layout.partitions:
        while count < limit and (ids := _due(client, partition, now, limit - count)):
            count += _delete(client, partition, ids)
    return count


def _due(client: Client, partition: Partition, now: int, limit: int) -> list[str]:
    limits = ("LIMIT", 0, min(limit, _STEP))
    command = ("ZRANGEBYSCORE", partition.expiry, "-inf", now, *limits)
    return [id.decode() for id in client.run([command])[0]]


def _delete(client: Client, partition: Partition, ids: Sequence[str]) -> int:
    """Delete what is under the ids, unless somebody changes it; how many it was."""
    found = read(client, {partition: ids})
    items = [swap_item(partition, each, None) for each in found.values()]
    return sum(run(client, [Swap(partition, items)])[0] or ())
