"""Which records a user is logged in with, kept without ever looking at all of them."""

from collections.abc import Iterator
from itertools import chain

from cookietrack_plugin.record import Cookie


class Identities:
    """Ids of records by the identity that is logged in with them: by realm, then by authid."""

    def __init__(self) -> None:
        self._realms: dict[str, dict[str, dict[str, None]]] = {}

    def move(self, old: Cookie | None, new: Cookie | None) -> None:
        """Replace the record `old` by `new`; None stands for no record. Idempotent."""
        was = old.auth.identity if old and old.auth else None
        now = new.auth.identity if new and new.auth else None
        if old and was and was != now:
            self._discard(old.id, *was)
        if new and now and was != now:
            authid, authrealm = now
            self._realms.setdefault(authrealm, {}).setdefault(authid, {})[new.id] = None

    def take(self, authid: str | None, authrealm: str | None) -> Iterator[str]:
        """
        Remove and return the ids of a user, None for any; not for both. It takes the same time
        however many these are, and nothing alters the iterator later: it needs no lock.
        """
        if authid is None:
            assert authrealm is not None
            return chain.from_iterable(self._realms.pop(authrealm, {}).values())
        taken = [users.pop(authid, {}) for users in self._users(authrealm)]
        return chain.from_iterable(taken)

    def of(self, authid: str, authrealm: str | None) -> list[str]:
        """The ids of a user; None is any realm."""
        return [id for users in self._users(authrealm) for id in users.get(authid, ())]

    def _users(self, authrealm: str | None) -> list[dict[str, dict[str, None]]]:
        """Those of a realm, or of each."""
        if authrealm is None:
            return list(self._realms.values())
        return [self._realms.get(authrealm, {})]

    def _discard(self, id: str, authid: str, authrealm: str) -> None:
        users = self._realms.get(authrealm, {})
        ids = users.get(authid, {})
        ids.pop(id, None)
        if not ids:
            users.pop(authid, None)
        if not users:
            self._realms.pop(authrealm, None)
