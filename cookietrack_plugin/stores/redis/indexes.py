"""Which records a partition has, and which of them are a user's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.keys import Partition, decoded

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
        is 0 at the end. An id that is there all the while is given. See also `Recent`.
        """
        command = ("ZSCAN", index, cursor, "COUNT", _PAGE)
        cursor, members = self._client.run([command])[0]
        return cursor, [id.decode() for id, _ in members]

    def pages(self, index: str) -> Iterator[list[str]]:
        """All of them."""
        cursor, ids = self.page(index, 0)
        yield ids
        while cursor:
            cursor, ids = self.page(index, cursor)
            yield ids


class Recent:
    """
    Leaves out ids that were given before, as far as it remembers.

    ZSCAN gives an id a second time only where its table has shrunk in between, and then only one of
    those that share a slot of the smaller table, which it gives one after the other. So an id that
    comes again is among the last `number`, unless the table has shrunk by that factor. A small
    index comes as a whole: there it is about records that changed from one index to another.
    """

    def __init__(self, number: int = 10_000) -> None:
        self._number = number
        self._newer: set[str] = set()
        self._older: set[str] = set()

    def new(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that it does not remember."""
        found = []
        for id in ids:
            if id not in self._newer and id not in self._older:
                self._newer.add(id)
                found.append(id)
        if len(self._newer) >= self._number:
            self._newer, self._older = set(), self._newer
        return found
