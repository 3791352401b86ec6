"""A Web site with guards on it, over transports in memory, and the bytes of its clients."""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

from attrs import define, field
from crossbar.common.twisted.web import Site
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Cookie
from cookietrack_plugin.router.guard.decision import Guard
from cookietrack_plugin.router.guard.request import Guards, let_guards_in
from cookietrack_plugin.router.guard.resource import GuardResource
from cookietrack_plugin.testing.samples import DAY, NOW
from tests.support.trackers import Tracked

HOST = "site.example:8080"
# Secret values of cookies, by the users who are logged in with them.
ALICE, BOB = "alice-Wd3sTn0rQ8vYk2mXz5", "bob-uB7hJpWd3sTn0rQ8vYk2"
NOBODY = "nobody-Xz5uB7hJpWd3sTn0r"


class Inner(Resource):
    """A service that notes what it is asked, and answers what the test says."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.bodies: list[bytes] = []
        self.headers: dict[bytes, bytes] = {}
        self.answer: Callable[[Any], Any] = lambda request: b"secret"

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        self.bodies.append(request.content.read())
        for name, value in self.headers.items():
            request.setHeader(name, value)
        return self.answer(request)

    @property
    def last(self) -> Any:
        return self.requests[-1]

    def sent(self, name: bytes) -> list[bytes]:
        """The values of a header of the last request, as the service sees it."""
        return list(self.last.requestHeaders.getRawHeaders(name, ()))


@define
class Response:
    """The first one in some bytes; `rest`: what comes behind its head."""

    status: int
    headers: list[tuple[str, str]]
    rest: bytes

    @classmethod
    def of(cls, data: bytes) -> "Response":
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [line.partition(": ")[::2] for line in lines]
        return cls(int(first.split()[1]), [(k.lower(), v) for k, v in pairs], rest)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    def __getitem__(self, name: str) -> str | None:
        values = self.all(name)
        assert len(values) < 2, f"several {name}"
        return values[0] if values else None


class Wire(StringTransportWithDisconnection):
    """One end of a connection; `aborted`: the server has cut it."""

    aborted = False
    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def loseConnection(self) -> None:
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionDone()))

    def abortConnection(self) -> None:
        # In a later turn of the reactor, as Twisted's own.
        self.aborted = True

    def lose(self) -> None:
        """What comes of an abort, or of a client that leaves."""
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionAborted()))


class Browser:
    """A connection to a site."""

    def __init__(self, site: Any) -> None:
        address = IPv4Address("TCP", "192.0.2.1", 52410)
        self.wire = Wire(peerAddress=address)
        self.wire.protocol = site.buildProtocol(address)
        self.wire.protocol.makeConnection(self.wire)

    def send(self, *lines: str, body: bytes = b"") -> "Browser":
        """Send a request line, header lines, and a body."""
        head = "\r\n".join([lines[0], f"Host: {HOST}", *lines[1:], "", ""])
        self.wire.protocol.dataReceived(head.encode("latin-1") + body)
        return self

    @property
    def output(self) -> bytes:
        return bytes(self.wire.value())

    @property
    def response(self) -> Response:
        return Response.of(self.output)


@define
class Web:
    """
    A site with a guard at `/admin`, and whatever the test hangs into `root`. `inner`: what is
    behind the guard.
    """

    tracked: Tracked
    item: dict[str, Any] = field(factory=dict)
    inner: Any = field(factory=Inner)
    cookie: dict[str, Any] = field(factory=dict)
    root: Any = field(factory=Resource)
    site: Any = None
    awaited: Any = None

    def __attrs_post_init__(self) -> None:
        reactor = self.tracked.reactor
        store = SimpleNamespace(tracker=self.tracked.tracker, reactor=reactor)
        self.awaited = SimpleNamespace(store=store)
        self.root.putChild(b"admin", self.guard(self.inner, **self.item))
        self.site = Site(self.root)
        let_guards_in(self.site, {}, Guards(present=True))

    def guard(self, inner: Any, **item: Any) -> GuardResource:
        settings = GuardSettings.of({"cookie": self.cookie, "path": {"type": "static"}, **item})
        return GuardResource(Guard(settings, self.awaited), inner)

    def browse(self, *lines: str, body: bytes = b"") -> Browser:
        return Browser(self.site).send(*lines, body=body)

    def ask(self, *lines: str, body: bytes = b"") -> Response:
        """Send a request on a connection of its own; the answer to it."""
        browser = self.browse(*lines, body=body)
        self.tracked.reactor.turn_until(lambda: browser.output, "an answer")
        return browser.response

    def get(self, value: str | None, *lines: str, path: str = "/admin/") -> Response:
        """The page, for whom this cookie is given."""
        cookie = [] if value is None else [f"Cookie: cbtid={value}"]
        return self.ask(f"GET {path} HTTP/1.1", *cookie, *lines)

    def log_in(self, value: str, auth: Auth | None, **more: Any) -> str:
        """Put a record into the store; its id."""
        cookie = Cookie(id_of(value), NOW, NOW + DAY, NOW, auth=auth, **more)
        self.tracked.store.cookies[cookie.id] = cookie
        return cookie.id


def users() -> Iterable[tuple[str, Auth | None]]:
    """Who is logged in with what, in most tests."""
    yield ALICE, Auth("alice", "operator", "ticket", "realm1")
    yield BOB, Auth("bob", "user", "ticket", "realm1")
    yield NOBODY, None


def never(_: Any) -> int:
    """An answer that does not come."""
    return NOT_DONE_YET
