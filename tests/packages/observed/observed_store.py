"""A third party's store that tells what was asked of it; it lasts as long as the process."""

from collections.abc import Mapping, Sequence
from typing import Any

from zope.interface import implementer, implementer_only

from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.kit.options import check_options
from cookietrack_plugin.stores.memory import MemoryStore


@implementer(ICookieStoreProvider)
class ObservedProvider:
    """`{"type": "observed", "url": ...}`: one store for each url. `size` is an option more."""

    summary = "watched by a test"
    volatile = False
    exclusive = False
    place = "url"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(options, required={"url": str}, optional={"size": int})

    def open(self, options: Mapping[str, Any], node_dir: str) -> "ObservedStore":
        return STORES.setdefault(options["url"], ObservedStore())


# It has none of the optional powers of the memory store.
@implementer_only(ICookieStore)
class ObservedStore(MemoryStore):
    """
    A memory store with an index by authid. `calls`: the methods that were called. `visited`: how
    many records the pages had.
    """

    def __init__(self) -> None:
        super().__init__(max_cookies=10_000_000)
        self.calls: list[str] = []
        self.visited = 0
        self.refuse: set[str] = set()

    def close(self) -> None:
        """The records stay, as on a server: the next to open it finds them."""

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self.calls.append("load")
        return super().load(ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        self.calls.append(f"commit {len(changes)}")
        if self.refuse.intersection(change.id for change in changes):
            raise ValueError("it cannot be encoded")
        return super().commit(changes)

    def expire(self, now: int, limit: int) -> int:
        self.calls.append("expire")
        return super().expire(now, limit)

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        self.calls.append(f"page {authid} {authrealm}")
        page, following = super().page(cursor, limit, authid, authrealm)
        self.visited += len(page)
        return page, following


STORES: dict[str, ObservedStore] = {}
