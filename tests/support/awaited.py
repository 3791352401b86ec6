"""A store on its way to being open, whose way is the test's."""

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.router.cookiestore import RouterCookieStore


class FakeAwaited:
    """
    An `AwaitedStore` that is open, or with None opens when the test calls `open`. Its store gives
    every transport the same `view`.
    """

    def __init__(self, view: Any = None, tracked: bool | None = None) -> None:
        self.tracked = isinstance(view, RouterCookieStore) if tracked is None else tracked
        self.refusal: StoreUnavailable | None = None
        self.asked: list[Any] = []
        self.begun: Deferred[None] = succeed(None)
        self._opened: Deferred[Any] = Deferred()
        self.store: Any = None
        if view is not None:
            self.open(view)

    def open(self, view: Any) -> None:
        self.store = SimpleNamespace(for_transport=lambda *args: self.asked.append(args) or view)
        self._opened.callback(self.store)

    def started(self) -> Deferred[None]:
        return self.begun

    def opened(self) -> Deferred[Any]:
        return self._opened
