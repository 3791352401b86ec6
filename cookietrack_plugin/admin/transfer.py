"""
Copying the records of one store into another, and comparing the two afterwards.

Neither is ever held as a whole. Copying again is safe and quick: what is there already is read, and
written only where it has become newer. So an interruption costs no more than the in-flight batch.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import chain
from typing import Any, Literal

import cbor2
from attrs import astuple, define, evolve, field, frozen

from cookietrack_plugin.admin.batches import at_most, batched
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.text import now_ms
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed
from cookietrack_plugin.record import Authenticate, Change, Cookie, Create, Delete, Touch, after
from cookietrack_plugin.stores.kit.nesting import MAX_DEPTH, is_deeper

# Records that are read with one look-up, and changes that are written with one commit.
BATCH = 1000
_MODULUS = 2**256
# Stands for what cannot be encoded. It is no mapping, as every authextra is.
_TOO_DEEP: Any = "nested too deeply"

# Called with how many more records have been read.
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
    """The digest of a set of records, in any order."""

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
    """
    32 bytes that differ where anything in the record does; of an authextra that is nested deeper
    than stores take, only that it is.
    """
    auth = cookie.auth
    if auth is not None and is_deeper(auth.authextra, MAX_DEPTH):
        auth = evolve(auth, authextra=_TOO_DEEP)
    login = auth and astuple(auth)
    times = [cookie.created, cookie.expires, cookie.seen]
    fields = [cookie.id, *times, cookie.peer, cookie.user_agent, login]
    # Canonical: a store may give a mapping back in another order.
    return sha256(cbor2.dumps(_plain(fields), canonical=True)).digest()


def _plain(value: Any) -> Any:
    """The same for CBOR, which carries no text with half of a surrogate pair."""
    if isinstance(value, str):
        return value if _is_unicode(value) else value.encode("utf-8", "surrogatepass")
    if isinstance(value, Mapping):
        return {_plain(key): _plain(each) for key, each in value.items()}
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= each <= "\udfff" for each in text)


def copy(source: ICookieStore, target: ICookieStore, now: int, progress: Progress) -> Copied:
    """
    Bring every record of `source` that is good at `now` into `target`.

    Where `target` has a later state of the record, that one stays. Nothing is deleted.

    :raises StoreUnavailable, StoreFull: of either store. What was copied until then is durable.
    """
    copied = Copied()
    since = _position(target)
    for batch in batched(read_all(source), BATCH):
        good = [cookie for cookie in batch if cookie.expires > now]
        copied.counts["expired"] += len(batch) - len(good)
        held = target.load([cookie.id for cookie in good])
        steps = [_step(cookie, held.get(cookie.id), since) for cookie in good]
        for portion in _portions(steps, at_most(target, BATCH)):
            _commit(target, portion, copied)
        progress(len(batch))
    return copied


def _position(target: ICookieStore) -> Any:
    """
    Where the feed of the target is now: its later revocations keep out logins that are copied, as
    they do those of workers.
    """
    return target.revoked_since(None)[1] if IRevocationFeed.providedBy(target) else None


def compare(source: ICookieStore, target: ICookieStore, now: int, progress: Progress) -> Comparison:
    """
    Read both stores again: is every record of `source` that was good at `now` in `target`, as it
    is in `source` or in a later state?
    """
    found = Comparison()
    for batch in batched(read_all(source), BATCH):
        good = [cookie for cookie in batch if cookie.expires > now]
        held = target.load([cookie.id for cookie in good])
        for cookie in good:
            _compare(found, cookie, held.get(cookie.id))
        progress(len(batch))
    return found


def only_in_target(source: ICookieStore, target: ICookieStore, now: int) -> Iterator[str]:
    """The ids of the records that are in `target`, good at `now`, and not in `source`."""
    for batch in batched(read_all(target), BATCH):
        ids = [cookie.id for cookie in batch if cookie.expires > now]
        known = source.load(ids)
        yield from (id for id in ids if id not in known)


@frozen
class _Step:
    id: str
    kind: Literal["created", "updated", "kept", "same"]
    changes: Sequence[Change] = ()


def _step(cookie: Cookie, held: Cookie | None, since: Any) -> _Step:
    """What is to be done with a record of the source, given what the target has under its id."""
    if held is None:
        return _Step(cookie.id, "created", [Create(cookie, since)])
    if held.seen > cookie.seen:
        return _Step(cookie.id, "kept")
    if fingerprint(held) == fingerprint(cookie):
        return _Step(cookie.id, "same")
    return _Step(cookie.id, "updated", _update(cookie, held, since))


def _update(cookie: Cookie, held: Cookie, since: Any) -> Sequence[Change]:
    changes: list[Change] = [
        Touch(cookie.id, cookie.seen, cookie.expires, cookie.peer, cookie.user_agent)
    ]
    # Another login closes connections: not where it has not changed.
    if cookie.auth is not None and held.auth != cookie.auth:
        changes.insert(0, Authenticate(cookie.id, cookie.auth, cookie.seen, since))
    updated: Cookie | None = held
    for change in changes:
        updated = after(updated, change)
    if updated == cookie:
        return changes
    # A login that has gone, or an earlier end: no update takes these back.
    return [Delete(cookie.id), Create(cookie, since)]


def _portions(steps: Iterable[_Step], most: int) -> Iterator[list[_Step]]:
    """Steps that fit into one commit; one step alone where not even that fits."""
    portion: list[_Step] = []
    count = 0
    for step in steps:
        if portion and count + len(step.changes) > most:
            yield portion
            portion, count = [], 0
        portion.append(step)
        count += len(step.changes)
    if portion:
        yield portion


def _commit(target: ICookieStore, steps: Sequence[_Step], copied: Copied) -> None:
    changes = list(chain.from_iterable(step.changes for step in steps))
    try:
        for batch in batched(changes, at_most(target, BATCH)):
            target.commit(batch)
    # A record that the target cannot encode must not take along those that share its batch.
    except ValueError:
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
