"""
Copying the records of one store into another, and comparing the two afterwards.

Neither is ever held as a whole. Copying again is safe and quick: what is there already is read, and
written only where it has become newer. So an interruption costs nothing but the batch under way.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import chain, islice
from typing import Literal

import cbor2
from attrs import define, field, frozen

from cookietrack_plugin.admin.text import now_ms
from cookietrack_plugin.errors import CookieTrackError
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Touch

# Records that are read with one look-up and written with one commit.
BATCH = 1000
_MODULUS = 2**256

# Is told how many more records have been read.
Progress = Callable[[int], object]


@define
class Copied:
    """
    What a copy did with the records of its source.

    `counts`: how many were `created`; `updated`, as the source had a newer state; `kept`, as the
    target has; the `same` on both sides; left behind as `expired`. `refused`: ids of those that the
    target cannot hold.
    """

    counts: Counter[str] = field(factory=Counter)
    refused: list[str] = field(factory=list)


@define
class Digest:
    """Of a set of records, in whatever order they come."""

    count: int = 0
    _sum: int = 0

    def add(self, fingerprint: bytes) -> None:
        self.count += 1
        self._sum = (self._sum + int.from_bytes(fingerprint, "big")) % _MODULUS

    def hex(self) -> str:
        """64 hexadecimal digits."""
        return f"{self._sum:064x}"


@define
class Comparison:
    """
    A second reading of both stores. `source` and `target`: the digests of what should be in the
    target, and of what is. `missing`, `different`: ids of those that are not as they should be.
    """

    source: Digest = field(factory=Digest)
    target: Digest = field(factory=Digest)
    missing: list[str] = field(factory=list)
    different: list[str] = field(factory=list)

    @property
    def is_equal(self) -> bool:
        return (self.source.count, self.source.hex()) == (self.target.count, self.target.hex())


def fingerprint(cookie: Cookie) -> bytes:
    """32 bytes that differ where anything in the record does."""
    auth = cookie.auth
    login = auth and [auth.authid, auth.authrole, auth.authmethod, auth.authrealm, auth.authextra]
    times = [cookie.created, cookie.expires, cookie.seen]
    fields = [cookie.id, *times, cookie.peer, cookie.user_agent, login]
    # Canonical: a store may give a mapping back in another order.
    return sha256(cbor2.dumps(fields, canonical=True)).digest()


def copy(source: ICookieStore, target: ICookieStore, now: int, progress: Progress) -> Copied:
    """
    Bring every record of `source` that is good at `now` into `target`.

    Where `target` has a later state of the record, that one stays. Nothing is deleted.

    :raises StoreUnavailable, StoreFull: of either store. What was copied until then is durable.
    """
    copied = Copied()
    for batch in _batches(source.scan()):
        good = [cookie for cookie in batch if cookie.expires > now]
        copied.counts["expired"] += len(batch) - len(good)
        held = target.load([cookie.id for cookie in good])
        _commit(target, [_step(cookie, held.get(cookie.id)) for cookie in good], copied)
        progress(len(batch))
    return copied


def compare(source: ICookieStore, target: ICookieStore, now: int, progress: Progress) -> Comparison:
    """
    Read both stores again: is every record of `source` that was good at `now` in `target`, as it
    is in `source` or in a later state?
    """
    found = Comparison()
    for batch in _batches(source.scan()):
        good = [cookie for cookie in batch if cookie.expires > now]
        held = target.load([cookie.id for cookie in good])
        for cookie in good:
            _compare(found, cookie, held.get(cookie.id))
        progress(len(batch))
    return found


def strangers(source: ICookieStore, target: ICookieStore, now: int) -> Iterator[str]:
    """The ids of the records that are in `target`, good at `now`, and not in `source`."""
    for batch in _batches(target.scan()):
        ids = [cookie.id for cookie in batch if cookie.expires > now]
        known = source.load(ids)
        yield from (id for id in ids if id not in known)


@frozen
class _Step:
    id: str
    kind: Literal["created", "updated", "kept", "same"]
    changes: Sequence[Change] = ()


def _step(cookie: Cookie, held: Cookie | None) -> _Step:
    """What is to be done with a record of the source, given what the target has under its id."""
    if held is None:
        return _Step(cookie.id, "created", [Create(cookie)])
    if held.seen > cookie.seen:
        return _Step(cookie.id, "kept")
    if fingerprint(held) == fingerprint(cookie):
        return _Step(cookie.id, "same")
    touch = Touch(cookie.id, cookie.seen, cookie.expires, cookie.peer, cookie.user_agent)
    # Taking a login away closes connections: not where it has not changed.
    login = [Authenticate(cookie.id, cookie.auth, cookie.seen)] * (held.auth != cookie.auth)
    return _Step(cookie.id, "updated", [*login, touch])


def _commit(target: ICookieStore, steps: Sequence[_Step], copied: Copied) -> None:
    try:
        target.commit(list(chain.from_iterable(step.changes for step in steps)))
    except CookieTrackError:
        raise
    # A record that the target cannot hold, such as one with a text that is no Unicode, must not
    # take along those that share its batch.
    except Exception:  # noqa: BLE001
        if len(steps) == 1:
            copied.refused.append(steps[0].id)
            return
        for step in steps:
            _commit(target, [step], copied)
        return
    copied.counts.update(step.kind for step in steps)


def _compare(found: Comparison, cookie: Cookie, held: Cookie | None) -> None:
    if held is None:
        # The target, or a node on it, may have removed what has expired by now.
        if cookie.expires > now_ms():
            found.source.add(fingerprint(cookie))
            found.missing.append(cookie.id)
        return
    there = fingerprint(held)
    expected = there if held.seen > cookie.seen else fingerprint(cookie)
    found.source.add(expected)
    found.target.add(there)
    if expected != there:
        found.different.append(cookie.id)


def _batches(cookies: Iterable[Cookie]) -> Iterator[list[Cookie]]:
    iterator = iter(cookies)
    while batch := list(islice(iterator, BATCH)):
        yield batch
