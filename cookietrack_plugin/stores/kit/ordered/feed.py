"""The feed and the fences of an `OrderedStore`, as keys that its writes read and alter."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Any, TypeGuard

import cbor2
from attrs import frozen

from cookietrack_plugin.errors import PositionLost
from cookietrack_plugin.record import Login, UserRevoked
from cookietrack_plugin.stores.kit.fences import (
    any_refuses,
    fence_of,
    names_of,
    packed_fence,
    raised,
)
from cookietrack_plugin.stores.kit.ordered.engine import Engine, View
from cookietrack_plugin.stores.kit.ordered.keys import POSITION, entry_key, fence_key
from cookietrack_plugin.stores.kit.paging import read_on
from cookietrack_plugin.stores.kit.texts import packed_text, text_of

# Entries that the feed remembers, one for each batch that revoked something.
MOST_ENTRIES = 10_000
# Entries that are read at a time.
_PAGE = 500

# What a caller knows of the feed: the store that gave it, and the number of its last entry.
Cursor = tuple[str, int]
Written = dict[bytes, bytes | None]


@frozen
class Feed:
    """`owner`: what tells this store from every other, one that was emptied and made again too."""

    owner: str

    def position(self, view: View) -> int:
        """The number of the last entry, 0 before the first."""
        return int.from_bytes(view.get([POSITION]).get(POSITION, b""))

    def append(self, view: View, writes: Written, revoked: Iterable[str] | UserRevoked) -> None:
        """Add an entry, and forget the oldest, with its fence, where there are too many."""
        position = self.position(view) + 1
        writes[POSITION] = position.to_bytes(8)
        if (oldest := position - MOST_ENTRIES) > 0:
            _forget(view, writes, oldest)
        writes[entry_key(position)] = _encode_entry(revoked)
        if isinstance(revoked, UserRevoked):
            key = fence_key((revoked.authid, revoked.authrealm))
            before = view.get([key]).get(key)
            fence = None if before is None else fence_of(before)
            writes[key] = packed_fence(raised(fence, position, revoked))

    def fences(
        self, view: View, engine: Engine, logins: Collection[Login]
    ) -> Callable[[Login], bool] | None:
        """
        Whether the user of one of `logins` was revoked since, or that cannot be known any more. All
        are looked up at once; None where there are no logins.
        """
        if not logins:
            return None
        last = self.position(view)
        keys = {fence_key(name) for login in logins for name in names_of(*login.identity)}
        # Past the view: a change of a fence changes the position too, which the view has read.
        found = engine.get(keys)
        return partial(self._refuses, last, found)

    def _refuses(self, last: int, found: Mapping[bytes, bytes], login: Login) -> bool:
        if not self._knows(login.since, last):
            return True
        keys = map(fence_key, names_of(*login.identity))
        fences = [fence_of(found[key]) for key in keys if key in found]
        return any_refuses(fences, login.id, login.since[1])

    def since(self, engine: Engine, cursor: Any) -> tuple[list[str | UserRevoked], Cursor]:
        """See `IRevocationFeed.revoked_since`."""
        last = self.position(engine)
        if cursor is None:
            return [], (self.owner, last)
        if not self._knows(cursor, last):
            raise PositionLost(f"the feed has no position {cursor!r}")

        def read(number: int) -> tuple[list[bytes], int]:
            found = engine.scan(entry_key(number + 1), entry_key(last + 1), _PAGE)
            numbers = [int.from_bytes(key[1:]) for key, _ in found]
            return [value for _, value in found], numbers[-1] if numbers else last

        entries, _ = read_on(read, cursor[1], _PAGE)
        # Another process may have dropped some of them while they were read.
        if not self._knows(cursor, self.position(engine)):
            raise PositionLost(f"the feed has no position {cursor!r} any more")
        return [each for entry in entries for each in _decode_entry(entry)], (self.owner, last)

    def _knows(self, cursor: Any, last: int) -> TypeGuard[Cursor]:
        if not isinstance(cursor, tuple) or len(cursor) != 2 or type(cursor[1]) is not int:
            return False
        return cursor[0] == self.owner and max(0, last - MOST_ENTRIES) <= cursor[1] <= last


def _forget(view: View, writes: Written, position: int) -> None:
    key = entry_key(position)
    entry = view.get([key]).get(key)
    if entry is None:
        return
    writes[key] = None
    for revoked in _decode_entry(entry):
        if isinstance(revoked, UserRevoked):
            fence = fence_key((revoked.authid, revoked.authrealm))
            value = view.get([fence]).get(fence)
            if value is not None and fence_of(value).position == position:
                writes[fence] = None


def _encode_entry(revoked: Iterable[str] | UserRevoked) -> bytes:
    if not isinstance(revoked, UserRevoked):
        return cbor2.dumps([list(revoked), None])
    # As bytes: CBOR's own text has no room for half of a surrogate pair.
    name = [packed_text(revoked.authid), packed_text(revoked.authrealm)]
    return cbor2.dumps([sorted(revoked.keep), name])


def _decode_entry(data: bytes) -> list[str | UserRevoked]:
    ids, name = cbor2.loads(data)
    if name is None:
        return list(ids)
    authid, authrealm = map(text_of, name)
    return [UserRevoked(authid, authrealm, frozenset(ids))]
