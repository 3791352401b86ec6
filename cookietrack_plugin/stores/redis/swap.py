"""Compare and swap of some records of a partition, as one call of a script."""

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha1
from typing import Any

from attrs import field, frozen

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored
from cookietrack_plugin.stores.redis.feed import Entry
from cookietrack_plugin.stores.redis.keys import Partition, encoded
from cookietrack_plugin.stores.redis.rounds import Command, Rounds
from cookietrack_plugin.stores.redis.swap_script import ABSENT, ANY, SWAP

# For how long the server keeps a record that has expired: the sweep comes first.
GRACE_MS = 3_600_000
# About how many revocations a partition's stream keeps.
MAX_REVOCATIONS = 100_000
# How often a step is tried while other nodes change the same records.
_MAX_TRIES = 20


@frozen
class Item:
    """
    A record to swap: see `swap_script`. `leaves`, `joins`: keys of indexes, None for none. `realm`:
    of the record that joins one.
    """

    id: str
    expected: str
    value: bytes = b""
    expires: int = 0
    leaves: str | None = None
    joins: str | None = None
    realm: bytes | None = None


@frozen
class Swap:
    """
    `items` and revocations that take effect together. `fence`: what the last fence was when it was
    worked out which logins apply, ANY where none was asked for. `known`: entries of the feed; it
    takes no effect if one is gone, or if any fence was raised since one of them.
    """

    partition: Partition
    items: Sequence[Item]
    revoked: Sequence[str] = field(default=())
    fence: str | bytes = ANY
    known: Sequence[Entry] = ()

    def arguments(self) -> Command:
        """What the script gets."""
        keys = self._keys()
        places: dict[str | None, int] = {key: number for number, key in enumerate(keys, start=1)}
        realms = list(dict.fromkeys(item.realm for item in self.items if item.realm is not None))
        counts = len(self.items), len(realms), len(self.known)
        arguments: list[Any] = [GRACE_MS, MAX_REVOCATIONS, self.fence, *counts]
        for item in self.items:
            arguments += item.id, item.expected, item.value, item.expires
            arguments += (places.get(key, 0) for key in (item.leaves, item.joins))
        known = (part for entry in self.known for part in entry)
        return len(keys), *keys, *arguments, *realms, *known, *self.revoked

    def _keys(self) -> list[str]:
        own = self.partition
        records = [own.cookie(item.id) for item in self.items]
        named = (key for item in self.items for key in (item.leaves, item.joins) if key)
        fixed = own.expiry, own.revoked, own.fences, own.realms, own.nothing
        return [*fixed, *records, *dict.fromkeys(named)]


@frozen
class Found:
    """What is stored under an id: bytes, and the record decoded of them; None for none."""

    id: str
    value: bytes | None
    record: Stored | None

    @property
    def expected(self) -> str:
        if self.value is None:
            return ABSENT
        return sha1(self.value, usedforsecurity=False).hexdigest()


class RecordQuery:
    """
    What lies under some ids.

    :param wanted: the ids by partition.
    """

    def __init__(self, wanted: Mapping[Partition, Sequence[str]]) -> None:
        self._wanted = {partition: ids for partition, ids in wanted.items() if ids}

    def commands(self) -> list[Command]:
        """One for each partition."""
        return [
            ("MGET", *(partition.cookie(id) for id in ids))
            for partition, ids in self._wanted.items()
        ]

    def read(self, answers: Iterator[Any]) -> dict[str, Found]:
        """What was found, by id, from the answers to the commands."""
        found: dict[str, Found] = {}
        for ids in self._wanted.values():
            found.update(found_of(ids, next(answers)))
        return found


def found_of(ids: Iterable[str], values: Iterable[bytes | None]) -> dict[str, Found]:
    """What `values` are under the ids."""
    return {id: Found(id, value, _record(id, value)) for id, value in zip(ids, values, strict=True)}


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
    return Item(cookie.id, ANY, encode(cookie), cookie.expires, joins=joins, realm=_realm(cookie))


def swap_item(partition: Partition, found: Found, cookie: Cookie | None) -> Item:
    """
    Replace the record that was found by another one, or by none.

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
        _realm(cookie),
    )


def run(swaps: Sequence[Swap]) -> Rounds[list[Sequence[int] | None]]:
    """
    The script's answer for each of the swaps: a number for each item; None where a record or the
    fences were not as expected, and nothing of that swap was done.
    """
    answers = yield from SWAP.run([swap.arguments() for swap in swaps])
    return [None if answer == 0 else answer for answer in answers]


def tries() -> Iterator[float]:
    """
    The seconds to wait before each try of a step that may conflict with other nodes.

    :raises StoreUnavailable: there was a conflict every time.
    """
    yield 0.0
    for tried in range(_MAX_TRIES - 1):
        yield random.uniform(0, 0.001 * min(2**tried, 100))
    raise StoreUnavailable("other nodes keep changing the same cookies: nothing was stored")


def _index(partition: Partition, record: Stored | None) -> str | None:
    if not isinstance(record, Cookie) or record.auth is None:
        return None
    return partition.user(*record.auth.identity)


def _realm(cookie: Cookie | None) -> bytes | None:
    return encoded(cookie.auth.authrealm) if cookie and cookie.auth else None
