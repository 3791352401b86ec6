"""A console over a store that a test scripts, asked through its guard."""

import json
from types import SimpleNamespace
from typing import Any

from attrs import define, field

from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.router.console.api import Api
from cookietrack_plugin.router.console.resource import ConsoleResource
from cookietrack_plugin.router.console.watched import WatchedStore
from cookietrack_plugin.router.console.whoami import Operator
from cookietrack_plugin.tracking.tracker import Tracker
from tests.support.guarded import ALICE, Browser, Response, Web, users
from tests.support.trackers import Tracked

OPTIONS = {"type": "lmdb", "path": ".cookies"}
ALLOW = {"roles": ["operator"]}
_JSON = "Content-Type: application/json"
_SAME = "Sec-Fetch-Site: same-origin"


@define
class Stores:
    """What a worker has open: one store. `trackers_open`: none while it is away."""

    tracker: Tracker
    reactor: Any
    cause: str | None = None
    is_open: bool = True

    def trackers(self) -> dict[str, Tracker]:
        return {store_key(OPTIONS): self.tracker} if self.is_open else {}

    def causes(self) -> dict[str, str | None]:
        return {store_key(OPTIONS): self.cause}

    def awaited(self, options: Any) -> Any:
        from twisted.internet.defer import succeed

        return SimpleNamespace(opened=lambda: succeed(None))


@define
class Console:
    """
    At `/admin/`, for operators: alice is one, bob is none.
    """

    tracked: Tracked
    stores: Any = None
    watched: Any = None
    web: Any = None
    item: dict[str, Any] = field(factory=lambda: {"allow": ALLOW})

    def __attrs_post_init__(self) -> None:
        self.stores = Stores(self.tracked.tracker, self.tracked.reactor)
        self.watched = WatchedStore(self.stores, OPTIONS)
        resource = ConsoleResource(Api(self.watched, Operator(self.watched, "worker001")))
        self.web = Web(self.tracked, self.item, resource)
        for value, auth in users():
            self.web.log_in(value, auth)

    def ask(self, path: str, value: str | None = ALICE, method: str = "GET") -> Response:
        cookie = [] if value is None else [f"Cookie: cbtid={value}"]
        return self.web.ask(f"{method} /admin/{path} HTTP/1.1", *cookie)

    def get(self, path: str, status: int = 200, value: str | None = ALICE) -> Any:
        """What the API answers, of which this status is expected."""
        return _parsed(self.ask(f"api/v1/{path}", value), status)

    def post(self, path: str, body: Any, status: int = 200, *lines: str) -> Any:
        """The same for a change, as the page asks for it, or with other headers."""
        return _parsed(self.send(path, json.dumps(body).encode(), *lines), status)

    def send(self, path: str, body: bytes, *lines: str) -> Response:
        headers = lines or (_JSON, _SAME)
        return self.web.ask(
            f"POST /admin/api/v1/{path} HTTP/1.1",
            f"Cookie: cbtid={ALICE}",
            f"Content-Length: {len(body)}",
            *headers,
            body=body,
        )

    def watch(self, query: str = "", *lines: str) -> Browser:
        """A client that watches."""
        browser = self.web.browse(
            f"GET /admin/api/v1/stream{query} HTTP/1.1", f"Cookie: cbtid={ALICE}", *lines
        )
        self.tracked.reactor.turn_until(lambda: browser.output, "an answer")
        return browser


def _parsed(response: Response, status: int) -> Any:
    assert response.status == status, response
    assert response["content-type"] == "application/json"
    assert "no-store" in str(response["cache-control"])
    return json.loads(response.rest)


def events(browser: Browser) -> list[tuple[str, Any]]:
    """What somebody who watches was told: kinds, and what came with them."""
    text = dechunked(browser.response.rest).decode()
    found = []
    for block in filter(None, text.split("\n\n")):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines["event"], json.loads(lines["data"])))
    return found


def dechunked(data: bytes) -> bytes:
    """The body of a response that comes in chunks."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        body += rest[: int(size, 16)]
        data = rest[int(size, 16) + 2 :]
    return body
