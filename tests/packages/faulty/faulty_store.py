"""A store that does as the file `switch` in the node directory says."""

import json
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.memory import MemoryStore


@implementer(ICookieStoreProvider)
class FaultyProvider:
    """`{"type": "faulty"}`."""

    summary = "breaks on demand"
    volatile = True
    exclusive = False
    place = None
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        pass

    def open(self, options: Mapping[str, Any], node_dir: str) -> "FaultyStore":
        return FaultyStore(Path(node_dir) / "switch")


@implementer(ICookieStore)
class FaultyStore(MemoryStore):
    """
    The switch is a JSON object such as `{"load": "raise", "commit": "hang"}`; without one, or with
    nothing about a method, the store works.
    """

    reads_block = True
    commits_block = True

    def __init__(self, switch: Path) -> None:
        super().__init__(max_cookies=1000)
        self._switch = switch

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._fail("load")
        return super().load(ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        self._fail("commit")
        return super().commit(changes)

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str] = frozenset()
    ) -> int:
        self._fail("commit")
        return super().revoke_user(authid, authrealm, keep)

    def _fault(self, method: str) -> str | None:
        return json.loads(self._switch.read_text()).get(method) if self._switch.exists() else None

    def _fail(self, method: str) -> None:
        fault = self._fault(method)
        if fault == "raise":
            raise RuntimeError("a defect of the store")
        if fault == "unavailable":
            raise StoreUnavailable("the server does not answer")
        if fault == "full":
            raise StoreFull("no room")
        while self._fault(method) == "hang":
            time.sleep(0.01)
