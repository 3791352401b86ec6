"""
A batch of changes in plain values, prepared before the transaction that stores it. Plain values are
quick to send to the writer process, and nothing that an application put into an `authextra` is ever
unpickled.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from cookietrack_plugin.record import (
    Authenticate,
    Change,
    Cookie,
    Create,
    Delete,
    Touch,
    fenced_login,
)
from cookietrack_plugin.stores.kit.codec import decode, encode

# What a login is checked by against the fences of its user: authid, authrealm, and `since`.
Fenced = tuple[str, str, int]
# A new record: its id, its bytes, and what it is indexed by: authid and `expires`.
New = tuple[str, bytes, str | None, int, Fenced | None]
# A change: which of the four it is, and what it consists of.
Packed = tuple[Any, ...]
# For each change whether it is a new record that has no other change in its batch, as most are:
# nothing has to be read for it. These, in order; and the rest.
Batch = tuple[Sequence[bool], Sequence[New], Sequence[Packed]]

# Replaces a `since` that is no position of this store.
_NO_POSITION = -1


def prepare(changes: Sequence[Change]) -> Batch:
    """:raises ValueError: something in it cannot be stored."""
    # Read once: that of a Create is a property.
    ids = [change.id for change in changes]
    counts = Counter(ids)
    alone, new, others = [], [], []
    for id, change in zip(ids, changes, strict=True):
        if isinstance(change, Create) and counts[id] == 1:
            new.append(new_record(change))
            alone.append(True)
        else:
            others.append(_PACK[type(change)](change))
            alone.append(False)
    return alone, new, others


def unpack(packed: Packed) -> Change:
    kind, *parts = packed
    return _UNPACK[kind](*parts)


def applied(alone: Iterable[bool], created: Iterable[bool], others: Iterable[bool]) -> list[bool]:
    """For each change of a batch whether it applied, given that for the new ones and the rest."""
    first, rest = iter(created), iter(others)
    return [next(first if each else rest) for each in alone]


def new_record(change: Create) -> New:
    """:raises ValueError: it cannot be stored."""
    cookie = change.cookie
    auth = cookie.auth
    login = fenced_login(change)
    fenced = (login.authid, login.authrealm, _position(login.since)) if login else None
    return cookie.id, _encoded(cookie), auth.authid if auth else None, cookie.expires, fenced


def _position(since: Any) -> Any:
    return since if since is None or type(since) is int else _NO_POSITION


def _encoded(cookie: Cookie) -> bytes:
    try:
        return encode(cookie)
    except UnicodeEncodeError as error:
        # The checksum covers the id.
        raise ValueError(f"an id has 24 characters of base64url: {cookie.id!r}") from error


def _pack_create(change: Create) -> Packed:
    return 0, change.id, _encoded(change.cookie), _position(change.since)


def _create(id: str, data: bytes, since: int | None) -> Create:
    return Create(decode(id, data), since)


def _pack_authenticate(change: Authenticate) -> Packed:
    # Encoded, and not as it is: a subclass of str would travel as the name of a class.
    auth = encode(Cookie("", 0, 0, 0, auth=change.auth))
    return 1, change.id, change.at, auth, _position(change.since)


def _authenticate(id: str, at: int, data: bytes, since: int | None) -> Authenticate:
    auth = decode("", data).auth
    assert auth is not None
    return Authenticate(id, auth, at, since)


def _pack_touch(change: Touch) -> Packed:
    return 2, change.id, change.seen, change.expires, change.peer, change.user_agent


def _pack_delete(change: Delete) -> Packed:
    return 3, change.id


_PACK: dict[type, Callable[[Any], Packed]] = {
    Create: _pack_create,
    Authenticate: _pack_authenticate,
    Touch: _pack_touch,
    Delete: _pack_delete,
}
_UNPACK: Sequence[Callable[..., Change]] = (_create, _authenticate, Touch, Delete)
