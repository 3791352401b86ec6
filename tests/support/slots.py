"""A slot of a Redis Cluster that moves from one master to another, in the steps of `redis-cli`."""

from typing import Any

import redis

from servers.databases import PASSWORD
from servers.redises import RedisCluster, RedisServer

# Keys that one MIGRATE carries: what `redis-cli --cluster reshard` does.
PIPELINE = 10
_TIMEOUT_MS = 5000


class MovingSlot:
    """
    The slot of `key`, from the master that has it to one that has not.

    :param key: any key of the slot.
    :param target: where it moves; any other master by default.
    """

    def __init__(self, cluster: RedisCluster, key: str, target: RedisServer | None = None) -> None:
        slots = cluster.client()
        self.number = slots.keyslot(key)
        port = slots.get_node_from_key(key).port
        slots.close()
        self.source = next(each for each in cluster.servers if each.port == port)
        self.target = target or next(each for each in cluster.servers if each.port != port)
        self._servers = cluster.servers

    def begin(self) -> None:
        _cluster(self.target, "SETSLOT", self.number, "IMPORTING", _name(self.source))
        _cluster(self.source, "SETSLOT", self.number, "MIGRATING", _name(self.target))

    def carry(self, count: int = PIPELINE) -> int:
        """Move so many keys, or all that are left; how many it was."""
        if keys := self.left(count):
            self.carry_keys(*keys)
        return len(keys)

    def left(self, count: int = 1000) -> list[bytes]:
        """Keys that are still at the source, so many at most."""
        keys: list[bytes] = _cluster(self.source, "GETKEYSINSLOT", self.number, count)
        return keys

    def carry_keys(self, *keys: Any) -> None:
        place = "127.0.0.1", self.target.port, "", 0, _TIMEOUT_MS
        self._ask(self.source, "MIGRATE", *place, "AUTH", PASSWORD, "KEYS", *keys)

    def end(self) -> None:
        """The target has it from now on, and everybody learns of it."""
        for server in (self.target, self.source, *self._servers):
            _cluster(server, "SETSLOT", self.number, "NODE", _name(self.target))

    def move(self) -> None:
        """All of it."""
        self.begin()
        while self.carry():
            pass
        self.end()

    @staticmethod
    def _ask(server: RedisServer, *command: Any) -> Any:
        with server.client() as client:
            return client.execute_command(*command)


def _name(server: RedisServer) -> str:
    """The name by which the cluster knows it."""
    answer = _cluster(server, "MYID")
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _cluster(server: RedisServer, *command: Any) -> Any:
    client: redis.Redis[bytes]
    with server.client() as client:
        return client.execute_command("CLUSTER", *command)
