"""
Fences: what keeps a login that began before its user was revoked from being stored after it.

For a store that several processes share (`IUserRevocation` and `IRevocationFeed`). It keeps a
`Fence` under the name of each revocation, for as long as its feed knows the position of it, and
looks up the four names of a login's identity before it applies the login.
"""

from collections.abc import Iterable
from typing import Any

import cbor2
from attrs import frozen

from cookietrack_plugin.record import UserRevoked

# `(authid, authrealm)`, None for any.
Name = tuple[str | None, str | None]


@frozen
class Fence:
    """
    `position`: in the feed, of the last revocation of this name. `keep`: the ids that it kept.
    `kept_from`: the position of the revocation before it, from which on logins on those apply.
    Positions are of any type that the store can compare with `<`; None is before all of them.
    """

    position: Any
    keep: frozenset[str] = frozenset()
    kept_from: Any = None

    def refuses(self, id: str, since: Any) -> bool:
        """Whether a login on the cookie `id` that knew the position `since` does not apply."""
        bound = self.kept_from if id in self.keep else self.position
        return bound is not None and bool(since < bound)


def raised(fence: Fence | None, position: Any, revoked: UserRevoked) -> Fence:
    """What takes the place of `fence`, None for none, when its name is revoked at `position`."""
    return Fence(position, revoked.keep, fence.position if fence else None)


def names_of(authid: str, authrealm: str) -> tuple[Name, Name, Name, Name]:
    """The names under which a fence stands in the way of a login of this identity."""
    return (authid, authrealm), (authid, None), (None, authrealm), (None, None)


def any_refuses(fences: Iterable[Fence | None], id: str, since: Any) -> bool:
    """Whether one of the fences, None for a name that has none, refuses the login."""
    return any(fence is not None and fence.refuses(id, since) for fence in fences)


def packed_fence(fence: Fence) -> bytes:
    """Bytes from which `fence_of` reads a fence whose positions are numbers."""
    return cbor2.dumps([fence.position, sorted(fence.keep), fence.kept_from])


def fence_of(data: bytes) -> Fence:
    position, keep, kept_from = cbor2.loads(data)
    return Fence(position, frozenset(keep), kept_from)
