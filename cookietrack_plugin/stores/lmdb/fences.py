"""The fences of an LMDB store, by the user whose revocation raised them: see `kit.fences`."""

from typing import Any

from cookietrack_plugin.record import Login, UserRevoked
from cookietrack_plugin.stores.kit.fences import (
    Fence,
    any_refuses,
    fence_of,
    names_of,
    packed_fence,
    raised,
)
from cookietrack_plugin.stores.lmdb.keys import fence_key


class FenceTable:
    """Positions are numbers of the revocation log. A fence stays for as long as its entry there."""

    def __init__(self, env: Any, txn: Any) -> None:
        self.db = env.open_db(b"fences", txn=txn)

    def raise_to(self, txn: Any, position: int, revoked: UserRevoked) -> None:
        """Raise the user's fence to `position`, where the user was revoked."""
        key = fence_key(revoked.authid, revoked.authrealm)
        fence = raised(self._get(txn, key), position, revoked)
        txn.put(key, packed_fence(fence), db=self.db)

    def refuses(self, txn: Any, login: Login) -> bool:
        """Whether the login began before its user was revoked; the log knows `login.since`."""
        keys = [fence_key(*name) for name in names_of(*login.identity)]
        return any_refuses((self._get(txn, key) for key in keys), login.id, login.since)

    def forget(self, txn: Any, position: int, revoked: UserRevoked) -> None:
        """Drop the fence with its entry of the log: the log refuses earlier positions by itself."""
        key = fence_key(revoked.authid, revoked.authrealm)
        fence = self._get(txn, key)
        if fence is not None and fence.position <= position:
            txn.delete(key, db=self.db)

    def count(self, txn: Any) -> int:
        entries: int = txn.stat(self.db)["entries"]
        return entries

    def clear(self, txn: Any) -> None:
        txn.drop(self.db, delete=False)

    def _get(self, txn: Any, key: bytes) -> Fence | None:
        data = txn.get(key, None, self.db)
        return None if data is None else fence_of(data)
