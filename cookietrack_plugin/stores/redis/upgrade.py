"""
From schema 1, which had an index for each authid, to one for each identity.

Idempotent: several nodes may do it at the same moment. A node of the older version that goes on
writing would leave logins out of the new indexes: stop all of them first.
"""

import time
from collections.abc import Sequence
from hashlib import sha256

from attrs import evolve

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.indexes import Indexes
from cookietrack_plugin.stores.redis.keys import Layout, Partition
from cookietrack_plugin.stores.redis.lookup import read
from cookietrack_plugin.stores.redis.swap import Found, Item, Swap, new_item, run, tries


def upgrade_indexes(client: Client, layout: Layout) -> None:
    """Move every login from the index of its authid to that of its identity."""
    indexes = Indexes(client)
    for partition in layout.partitions:
        for ids in indexes.pages(partition.expiry):
            _move(client, partition, ids)


def _move(client: Client, partition: Partition, ids: Sequence[str]) -> None:
    for pause_s in tries():
        time.sleep(pause_s)
        found = client.complete(read({partition: ids})).values()
        items = [item for each in found if (item := _moved(partition, each))]
        if not items or client.complete(run([Swap(partition, items)]))[0] is not None:
            return


def _moved(partition: Partition, found: Found) -> Item | None:
    """The same record, in the other index; None for one without a login."""
    record = found.record
    if not isinstance(record, Cookie) or record.auth is None or found.value is None:
        return None
    item = new_item(partition, record)
    leaves = old_index(partition, record.auth.authid)
    return evolve(item, expected=found.expected, value=found.value, leaves=leaves)


def old_index(partition: Partition, authid: str) -> str:
    """The index of schema 1."""
    digest = sha256(authid.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{{{partition.tag}}}:authid:{digest}"
