"""What becomes of some records of a partition, as one call of the script."""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any

from attrs import field, frozen
from redis.exceptions import NoScriptError

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored
from cookietrack_plugin.stores.redis.client import Client, Command
from cookietrack_plugin.stores.redis.keys import Partition
from cookietrack_plugin.stores.redis.script import ABSENT, SHA, SOURCE, WHATEVER

# For how long the server keeps a record that has expired, in milliseconds: our own sweep comes
# first, and the server's clock need not be ours.
GRACE = 3_600_000
# How many revocations are kept in a partition.
REVOCATIONS = 100_000


@frozen
class Item:
    """
    A record to swap: see `script`. `leaves`, `joins`: keys of indexes, None for none.
    """

    id: str
    expected: str
    value: bytes = b""
    expires: int = 0
    leaves: str | None = None
    joins: str | None = None


@frozen
class Swap:
    """`items` and revocations that take effect together."""

    partition: Partition
    items: Sequence[Item]
    revoked: Sequence[str] = field(default=())

    def arguments(self) -> Command:
        """What EVALSHA and EVAL get behind the script."""
        keys = self._keys()
        places: dict[str | None, int] = {key: number for number, key in enumerate(keys, start=1)}
        arguments: list[Any] = [now(), GRACE, REVOCATIONS, len(self.items)]
        for item in self.items:
            arguments += item.id, item.expected, item.value, item.expires
            arguments += (places.get(key, 0) for key in (item.leaves, item.joins))
        return len(keys), *keys, *arguments, *self.revoked

    def _keys(self) -> list[str]:
        records = [self.partition.cookie(item.id) for item in self.items]
        named = (key for item in self.items for key in (item.leaves, item.joins) if key)
        return [self.partition.expiry, self.partition.revoked, *records, *dict.fromkeys(named)]


@frozen
class Found:
    """What lies on the server under an id: bytes, and the record that they are; None for none."""

    id: str
    value: bytes | None
    record: Stored | None

    @property
    def expected(self) -> str:
        if self.value is None:
            return ABSENT
        return sha1(self.value, usedforsecurity=False).hexdigest()


def read(client: Client, wanted: Mapping[Partition, Sequence[str]]) -> dict[str, Found]:
    """What lies under the ids, by id; in one round trip."""
    wanted = {partition: ids for partition, ids in wanted.items() if ids}
    commands = [
        ("MGET", *(partition.cookie(id) for id in ids)) for partition, ids in wanted.items()
    ]
    answers = client.run(commands)
    return {
        id: Found(id, value, _record(id, value))
        for ids, values in zip(wanted.values(), answers, strict=True)
        for id, value in zip(ids, values, strict=True)
    }


def _record(id: str, value: bytes | None) -> Stored | None:
    if value is None:
        return None
    try:
        return decode(id, value)
    except ValueError:
        return DAMAGED


def new_item(partition: Partition, cookie: Cookie) -> Item:
    """
    Store a record, unless its id exists.

    :raises ValueError: it cannot be stored at all.
    """
    joins = _index(partition, cookie)
    return Item(cookie.id, WHATEVER, encode(cookie), cookie.expires, joins=joins)


def swap_item(partition: Partition, found: Found, cookie: Cookie | None) -> Item:
    """
    Put a record, or none, into the place of the one that was found.

    :raises ValueError: it cannot be stored at all.
    """
    leaves, joins = _index(partition, found.record), _index(partition, cookie)
    return Item(
        found.id,
        found.expected,
        encode(cookie) if cookie else b"",
        cookie.expires if cookie else 0,
        leaves if leaves != joins else None,
        joins,
    )


def run(client: Client, swaps: Sequence[Swap]) -> list[Sequence[int] | None]:
    """
    What the script answers for each of the swaps: a number an item, None where a record was not as
    it had been found, and nothing of that swap was done.
    """
    arguments = [swap.arguments() for swap in swaps]
    answers = client.try_([("EVALSHA", SHA, *each) for each in arguments])
    unknown = [n for n, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
    for n, answer in zip(
        unknown, client.try_([("EVAL", SOURCE, *arguments[n]) for n in unknown]), strict=True
    ):
        answers[n] = answer
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return [None if answer == 0 else answer for answer in answers]


def now() -> int:
    return time.time_ns() // 1_000_000


def _index(partition: Partition, record: Stored | None) -> str | None:
    if not isinstance(record, Cookie) or record.auth is None:
        return None
    return partition.authid(record.auth.authid)
