"""Cookies in an engine that keeps keys in order."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from zope.interface import implementer

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.interfaces import (
    IBatchLimit,
    ICookieStore,
    IRevocationFeed,
    IUserRevocation,
)
from cookietrack_plugin.record import Change, Cookie, UserRevoked, fenced_logins, is_id, matches
from cookietrack_plugin.stores.kit.codec import decode, encode
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored, fold
from cookietrack_plugin.stores.kit.ordered.engine import Engine, View
from cookietrack_plugin.stores.kit.ordered.feed import Feed
from cookietrack_plugin.stores.kit.ordered.keys import (
    MARK,
    RECORDS,
    behind,
    deadline_key,
    end_of,
    id_of_key,
    index_keys,
    record_key,
    user_prefix,
)
from cookietrack_plugin.stores.kit.paging import cursor_of, place_of

# What the mark begins with. The number is the format's.
FORMAT = b"cookietrack 1 "
_MOST_CHANGES = 1024
# Keys that a change alters: its record, its place in the order of expiry, and that among its user's
# (a login alters the last twice, and not the second). It reads fewer.
_KEYS_A_CHANGE = 3
# Keys besides those of changes: the mark, the position, an entry that comes and one that goes, each
# with its fence.
_KEYS_A_WRITE = 6

Written = dict[bytes, bytes | None]


@implementer(ICookieStore, IBatchLimit, IUserRevocation, IRevocationFeed)
class OrderedStore:
    """
    Every method of the contract, over the few methods of an engine.

    :param engine: is closed with the store.
    :param label: the store's place for messages, without a password.
    :raises StoreCorrupt: something else is there, or a newer format.
    """

    reads_block = True
    commits_block = True

    def __init__(self, engine: Engine, label: str) -> None:
        self._engine = engine
        self._label = label
        self.max_changes = _changes_within(engine.max_keys)
        self._mark = engine.write(self._plan_mark)
        self._feed = Feed(self._mark.removeprefix(FORMAT).decode())

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        found = _stored(self._engine, ids)
        return {id: cookie for id, cookie in found.items() if cookie is not DAMAGED}

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        return self._engine.write(partial(self._plan_changes, changes))

    def expire(self, now: int, limit: int) -> int:
        expired, start = 0, deadline_key(0)
        while expired < limit:
            size = min(limit - expired, self.max_changes)
            count, following = self._engine.write(partial(self._plan_expiry, now, start, size))
            expired += count
            if following is None:
                break
            start = following
        return expired

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        prefix = _prefix(authid, authrealm)
        start = prefix if cursor is None else behind(prefix + place_of(cursor))
        found = dict(self._engine.scan(start, end_of(prefix), limit))
        ids = {key: id_of_key(key) for key in found}
        # An index has no values: those of the records themselves have been read with their keys.
        stored = _decoded(ids, found) if authid is None else _stored(self._engine, ids.values())
        cookies = [each for each in stored.values() if each is not DAMAGED]
        page = [each for each in cookies if matches(each.auth, authid, authrealm)]
        return page, cursor_of(max(found)[len(prefix) :]) if len(found) == limit else None

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        revoked = UserRevoked(authid, authrealm, frozenset(keep))
        deleted, start = self._engine.write(partial(self._plan_revocation, revoked))
        if not self._engine.is_locking:
            # From the first record again: a login may have been stored while the fence was planned.
            start = _prefix(authid, authrealm)
        # Now that the fence stands, nobody comes back.
        while start is not None:
            count, start = self._engine.write(partial(self._plan_removal, revoked, start))
            deleted += count
        return deleted

    def revoked_since(self, cursor: Any) -> tuple[Iterable[str | UserRevoked], Any]:
        return self._feed.since(self._engine, cursor)

    def stat(self) -> Mapping[str, Any]:
        cookies = self._engine.count(RECORDS, end_of(RECORDS))
        return {"cookies": cookies, "bytes": self._engine.size()}

    def close(self) -> None:
        self._engine.close()

    def _plan_mark(self, view: View) -> tuple[Written, bytes]:
        mark = view.get([MARK]).get(MARK)
        if mark is None and not view.scan(b"", b"\xff", 1):
            mark = FORMAT + uuid4().hex.encode()
            return {MARK: mark}, mark
        if mark is None or not mark.startswith(FORMAT):
            expected = FORMAT.decode().strip()
            found = "something else" if mark is None else repr(mark[:40])
            text = f"{self._label}: expected a store of format {expected}, found {found}"
            raise StoreCorrupt(text)
        return {}, mark

    def _checked(self, view: View, ids: Iterable[str]) -> dict[str, Stored]:
        """
        The records under `ids`, for a write.

        What is written to a store that was emptied or replaced is gone for its next reader.
        """
        keys = {record_key(id): id for id in ids if is_id(id)}
        found = view.get([MARK, *keys])
        if found.get(MARK) != self._mark:
            raise StoreUnavailable(f"{self._label} was emptied or replaced: restart the node")
        return _decoded(keys, found)

    def _plan_changes(
        self, changes: Sequence[Change], view: View
    ) -> tuple[Written, Sequence[bool]]:
        before = self._checked(view, {change.id for change in changes})
        refuses = self._feed.fences(view, self._engine, fenced_logins(changes))
        outcome = fold(changes, before, refuses)
        writes: Written = {}
        for id in outcome.deleted():
            _move(writes, id, before[id], None)
        for cookie in outcome.altered():
            _move(writes, cookie.id, before.get(cookie.id), cookie)
        if outcome.revoked:
            self._feed.append(view, writes, outcome.revoked)
        return writes, outcome.applied

    def _plan_expiry(
        self, now: int, start: bytes, limit: int, view: View
    ) -> tuple[Written, tuple[int, bytes | None]]:
        keys = [key for key, _ in view.scan(start, deadline_key(now + 1), limit)]
        found = self._checked(view, map(id_of_key, keys))
        writes: Written = {}
        expired = 0
        for key in keys:
            record = found.get(id := id_of_key(key))
            if isinstance(record, Cookie) and record.expires > now:
                continue
            if record is not None:
                _move(writes, id, record, None)
                expired += 1
            # That of a record that is damaged or gone stands alone.
            writes[key] = None
        return writes, (expired, behind(keys[-1]) if len(keys) == limit else None)

    def _plan_revocation(
        self, revoked: UserRevoked, view: View
    ) -> tuple[Written, tuple[int, bytes | None]]:
        """The fence, and the first chunk."""
        start = _prefix(revoked.authid, revoked.authrealm)
        writes, result = self._plan_removal(revoked, start, view)
        self._feed.append(view, writes, revoked)
        return writes, result

    def _plan_removal(
        self, revoked: UserRevoked, start: bytes | None, view: View
    ) -> tuple[Written, tuple[int, bytes | None]]:
        """
        Remove a chunk of the records, all where the engine takes them at once; how many, and where
        the next chunk begins, None at the end.
        """
        end = end_of(_prefix(revoked.authid, revoked.authrealm))
        writes: Written = {}
        removed = 0
        while start is not None:
            keys = [key for key, _ in view.scan(start, end, self.max_changes)]
            start = behind(keys[-1]) if len(keys) == self.max_changes else None
            for id, record in self._checked(view, map(id_of_key, keys)).items():
                if record is not DAMAGED and revoked.ends(id, record.auth):
                    _move(writes, id, record, None)
                    removed += 1
            if self._engine.max_keys is not None:
                break
        return writes, (removed, start)


def _changes_within(max_keys: int | None) -> int:
    if max_keys is None:
        return _MOST_CHANGES
    return min(_MOST_CHANGES, (max_keys - _KEYS_A_WRITE) // _KEYS_A_CHANGE)


def _prefix(authid: str | None, authrealm: str | None) -> bytes:
    """The keys among which the records of a user are; those of all where only a realm is given."""
    return RECORDS if authid is None else user_prefix(authid, authrealm)


def _stored(view: View, ids: Iterable[str]) -> dict[str, Stored]:
    """The records under those `ids` that have one, damaged ones included."""
    keys = {record_key(id): id for id in ids if is_id(id)}
    return _decoded(keys, view.get(keys))


def _decoded(keys: Mapping[bytes, str], found: Mapping[bytes, bytes]) -> dict[str, Stored]:
    """Records by id, of their bytes by key, in the order of `keys`."""
    return {id: _decode(id, found[key]) for key, id in keys.items() if key in found}


def _decode(id: str, data: bytes) -> Stored:
    try:
        return decode(id, data)
    except ValueError:
        return DAMAGED


def _move(writes: Written, id: str, old: Stored | None, new: Cookie | None) -> None:
    """Put `new` where `old` was, in the indexes too; None for no record."""
    writes[record_key(id)] = None if new is None else encode(new)
    was = index_keys(old) if isinstance(old, Cookie) else set()
    now = set() if new is None else index_keys(new)
    writes.update(dict.fromkeys(was - now))
    writes.update(dict.fromkeys(now - was, b""))
