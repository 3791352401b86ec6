"""Which records a partition has, and which of them are a user's."""

from collections.abc import Iterator, Mapping, Sequence

from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Partition, decoded
from cookietrack_plugin.stores.redis.rounds import Round, checked

# Members that a page has, about.
_PAGE = 500


class Indexes:
    """Reads the sorted sets of ids."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def of_user(
        self, partitions: Sequence[Partition], authid: str, authrealm: str | None
    ) -> dict[Partition, list[str]]:
        """The indexes that can have records of the user, None for any realm, by partition."""
        if authrealm is not None:
            return {partition: [partition.user(authid, authrealm)] for partition in partitions}
        answers = self._client.run([("SMEMBERS", partition.realms) for partition in partitions])
        return {
            partition: [partition.user(authid, decoded(realm)) for realm in realms]
            for partition, realms in zip(partitions, answers, strict=True)
        }

    def members(
        self, indexes: Mapping[Partition, Sequence[str]], limit: int
    ) -> dict[Partition, dict[str, list[str]]]:
        """The first `limit` ids of each index, by partition and index; in one round trip."""
        commands = [("ZRANGE", index, 0, limit - 1) for each in indexes.values() for index in each]
        answers = iter(self._client.run(commands))
        return {
            partition: {index: [id.decode() for id in next(answers)] for index in each}
            for partition, each in indexes.items()
        }

    def page(self, index: str, cursor: int) -> tuple[int, list[str]]:
        """
        The next ids of an index from `cursor` on, which is 0 at first, and the next cursor, which
        is 0 at the end. An id that is there during the whole walk comes at least once (SCAN).
        """
        command = ("ZSCAN", index, cursor, "COUNT", _PAGE)
        cursor, members = self._client.run([command])[0]
        # Every other one is a score.
        return int(cursor), [id.decode() for id in members[::2]]

    def all_of(self, partition: Partition) -> Iterator[list[str]]:
        """The ids of all records, in pages."""
        return self.pages(partition.expiry)

    def pages(self, index: str) -> Iterator[list[str]]:
        """All ids of an index, in pages."""
        cursor, ids = self.page(index, 0)
        yield ids
        while cursor:
            cursor, ids = self.page(index, cursor)
            yield ids

    def unindexed(self, partition: Partition) -> Iterator[list[str]]:
        """
        The ids of all records, in pages, by a SCAN of all keys of the server. A record that is
        there during the whole walk comes at least once.
        """
        cursor: int | None = None
        while cursor != 0:
            command = ("SCAN", cursor or 0, "MATCH", partition.cookie("*"), "COUNT", _PAGE)
            answers = self._client.exchange(Round([command], keys=[partition.expiry]))
            number, keys = checked(answers)[0]
            cursor = int(number)
            yield [key.decode().rpartition(":")[2] for key in keys]
