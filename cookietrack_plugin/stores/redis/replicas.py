"""Commits that count when replicas have them: whichever of them takes over knows them then."""

from collections.abc import Iterable
from typing import Any

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Partition

# In this order a full server takes it: see `swap_script`.
_WRITE = "redis.call('DEL', KEYS[1]) redis.call('SET', KEYS[1], 1)"


class Replicas:
    """
    :param number: how many replicas of a master have to have a commit; 0 for not to wait.
    :param timeout: for how long it waits, in seconds.
    """

    def __init__(self, client: Client, number: int, timeout: float) -> None:
        self._client = client
        self._number = number
        self._milliseconds = max(1, round(timeout * 1000))

    def wait(self, partitions: Iterable[Partition]) -> None:
        """
        Return when what was written to the partitions has arrived.

        :raises StoreUnavailable: too few replicas say so in time. The masters have it all the same.
        """
        if not self._number:
            return
        # A master's word goes for all that it was sent.
        masters = {id(self._client.master_of(each.written)): each for each in partitions}
        for partition in masters.values():
            arrived = self._arrived(partition)
            if arrived < self._number:
                raise StoreUnavailable(
                    f"{arrived} replicas have what was stored, and {self._number} have to:"
                    " whether it stays is not known"
                )

    def _arrived(self, partition: Partition) -> int:
        """
        WAIT is about what its own connection wrote, and that of the commit is back in the pool. So
        something is written here: what a replica gets, it gets in order.
        """
        pipeline: Any = self._client.master_of(partition.written).pipeline(transaction=False)
        pipeline.execute_command("EVAL", _WRITE, 1, partition.written)
        pipeline.execute_command("WAIT", self._number, self._milliseconds)
        return int(pipeline.execute()[1])
