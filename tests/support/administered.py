"""A tracker as the WAMP component sees it, which notes what is asked of it."""

from collections.abc import Collection
from types import SimpleNamespace
from typing import Any

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, fail, succeed

from cookietrack_plugin.audit.entry import Actor
from cookietrack_plugin.record import Cookie, matches
from cookietrack_plugin.search.page import SearchPage
from cookietrack_plugin.search.selection import Selection
from cookietrack_plugin.tracking.events import Event, Kind, Observer

# Unix milliseconds.
TIME = 1_000_000


@frozen
class Ended:
    cookies: int
    connections: int


class Publisher:
    """Events of a test, for those who have subscribed."""

    def __init__(self) -> None:
        self.observers: list[Observer] = []

    def subscribe(self, observer: Observer) -> None:
        self.observers.append(observer)

    def unsubscribe(self, observer: Observer) -> None:
        self.observers.remove(observer)

    def publish(self, kind: Kind, id: str, authid: str, authrealm: str) -> None:
        for observer in list(self.observers):
            observer(Event(kind, id, authid, authrealm, "detail"))


@define
class FakeTracker:
    """
    `cookies`: the valid ones. `calls`: what was asked, in order. `actors`: who had
    something ended. `fault`: what every call fails with.
    """

    cookies: list[Cookie] = field(factory=list)
    calls: list[tuple[Any, ...]] = field(factory=list)
    actors: list[Actor] = field(factory=list)
    fault: Exception | None = None
    events: Publisher = field(factory=Publisher)
    clock: Any = field(factory=lambda: SimpleNamespace(now=lambda: TIME))
    asks_freshness: bool = False

    def find(self, id: str) -> Deferred[Cookie | None]:
        found = [cookie for cookie in self.cookies if cookie.id == id]
        return self._answer(found[0] if found else None, "find", id)

    def select(
        self, authid: str | None, authrealm: str | None, limit: int
    ) -> Deferred[list[Cookie]]:
        found = [each for each in self.cookies if matches(each.auth, authid, authrealm)]
        return self._answer(found[:limit], "select", authid, authrealm, limit)

    def search(self, selection: Selection, cursor: str | None, limit: int) -> Deferred[SearchPage]:
        """Of each the first page, which is not the last. It knows two cursors: none, and "next"."""
        if cursor not in (None, "next"):
            return fail(ValueError("no cursor"))
        found = [each for each in self.cookies if selection.has(each, 5)][:limit]
        page = SearchPage(found, len(self.cookies), "next")
        return self._answer(page, "search", selection, cursor, limit)

    def count(self, authid: str | None, authrealm: str | None) -> Deferred[int]:
        return self._answer(41, "count", authid, authrealm)

    def stat(self) -> Deferred[dict[str, int]]:
        return self._answer({"cookies": 3, "connected": 2}, "stat")

    def revoke(self, ids: Collection[str], actor: Actor) -> Deferred[Ended]:
        self.actors.append(actor)
        return self._answer(Ended(len(ids), 2), "revoke", ids)

    def revoke_user(
        self, authid: str | None, authrealm: str | None, keep: Collection[str], actor: Actor
    ) -> Deferred[Ended]:
        self.actors.append(actor)
        return self._answer(Ended(5, 6), "revoke_user", authid, authrealm, keep)

    def connections_of(self, id: str) -> int:
        return len(id)

    def _answer(self, result: Any, *call: Any) -> Deferred[Any]:
        self.calls.append(call)
        return succeed(result) if self.fault is None else fail(self.fault)


class FakeStores:
    """
    A worker's open stores. `options` is the item of the one that can be opened, `opening` what that
    gives, and `opened` whether it was asked for.
    """

    def __init__(self, options: Any, *trackers: FakeTracker) -> None:
        self.options = options
        self.all = trackers
        self.opening: Deferred[Any] = succeed(None)
        self.refusal: Exception | None = None
        self.opened: list[Any] = []

    def trackers(self) -> dict[str, FakeTracker]:
        return {str(number): tracker for number, tracker in enumerate(self.all)}

    def tracker(self, options: Any) -> FakeTracker:
        assert options == self.options
        return self.all[0]

    def away(self) -> list[str]:
        return [str(self.options)] if self.refusal else []

    def awaited(self, options: Any) -> Any:
        self.opened.append(options)
        return SimpleNamespace(refusal=self.refusal, opened=lambda: self.opening)
