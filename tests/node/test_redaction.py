"""A cookie's value is shown at no other listener of its node: none that reads it, and no other."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener, server_store
from tests.node.test_secrecy import files_with
from tests.support import configs
from tests.support.client import Clients
from tests.support.late import LateServices
from tests.support.node import Node, running, wait_for
from tests.support.raw import END, RawHandshake, handshake

# Beside the oldest Crossbar there are no drivers of servers.
pytest_plugins = ["tests.support.servers"] if find_spec("redis") else []
pytestmark = pytest.mark.node

BARE = {"type": "websocket"}
LARGE = "X: " + "x" * 66_000


def tcp(listener: Listener) -> dict[str, Any]:
    return {"type": "tcp", "port": listener.port, "interface": "127.0.0.1"}


class Places:
    """The listener at which a cookie is at home, and one of every other kind beside it."""

    def __init__(self, store: dict[str, Any]) -> None:
        self._home, self._named = {"store": store}, {"name": "sid", "store": store}
        self.home, self.bare, self.named, self.database = (Listener() for _ in range(4))
        self.web, self.universal, self.elsewhere = (Listener() for _ in range(3))

    def transports(self) -> Iterator[dict[str, Any]]:
        """Those of one worker. The one without a cookie begins, and does not know the others."""
        yield configs.websocket(self.bare.port, auth=None)
        yield configs.websocket(self.home.port, self._home)
        yield configs.websocket(self.named.port, self._named, None)
        yield configs.websocket(self.database.port, {"store": STORES["database"]}, None)
        yield {"type": "web", "endpoint": tcp(self.web), "paths": self._paths()}
        yield {
            "type": "universal",
            "endpoint": tcp(self.universal),
            "rawsocket": {"serializers": ["cbor"]},
            "websocket": {"ws": BARE},
            "web": {"paths": {"page": BARE}},
        }

    def _paths(self) -> dict[str, Any]:
        endpoint = {"type": "tcp", "host": "127.0.0.1", "port": self.home.port}
        backend = {"type": "websocket", "url": self.home.url, "endpoint": endpoint}
        return {
            "ws": BARE,
            "named": {**BARE, "cookie": self._named},
            "deep": {"type": "path", "paths": {"ws": BARE}},
            "reverse": {"type": "websocket-reverseproxy", "backend": backend},
        }

    def others(self) -> list[str]:
        """The URLs of all that speak WAMP but the first."""
        paths = [self.web.url + path for path in ("ws", "named", "deep/ws")]
        paths += [self.universal.url + path for path in ("ws", "page")]
        listeners = (self.bare, self.named, self.database, self.elsewhere)
        return [*(listener.url for listener in listeners), *paths]

    def raw(self) -> list[tuple[int, str]]:
        """Ports and paths at which Autobahn reads the head."""
        alone = (self.home, self.bare, self.named, self.database, self.elsewhere)
        return [*((listener.port, "/") for listener in alone), (self.universal.port, "/ws")]

    def ports(self) -> list[int]:
        return [each.port for each in vars(self).values() if isinstance(each, Listener)]


class Running:
    """
    A node with all places, on a router or a proxy worker, and one on another router worker. The
    router worker is one that services can be added to.
    """

    def __init__(self, kind: str, store: dict[str, Any], folder: Path) -> None:
        self.places, self.late = Places(store), LateServices()
        transports = self.places.transports()
        if kind == "router":
            config = self.late.config(*transports)
            self.ports = [*self.places.ports(), *self.late.ports]
        else:
            config = configs.proxy(folder, *transports)
            self.ports = self.places.ports()
        bare = configs.websocket(self.places.elsewhere.port, auth=None)
        config["workers"].append(configs.router_worker(bare))
        self.node = Node(folder / "node", config)


@pytest.fixture(scope="module", params=["router", pytest.param("proxy", marks=pytest.mark.server)])
def worker(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def store(worker: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """For a router one of the node's own, and for a proxy one on a server."""
    if worker == "router":
        yield STORES["lmdb"]
    else:
        with server_store("redis", request) as item:
            yield item


@pytest.fixture(scope="module")
def running_places(
    worker: str,
    store: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    made = Running(worker, store, tmp_path_factory.mktemp("redaction"))
    with running(made.node, *made.ports, loglevel="debug"):
        yield made


@pytest.fixture
def places(running_places: Running) -> Places:
    return running_places.places


@pytest.fixture
def folder(running_places: Running) -> Path:
    return running_places.node.folder


@pytest.fixture
def clients(lasting_clients: Clients) -> Clients:
    return lasting_clients


@pytest.fixture
def secret(places: Places, clients: Clients) -> str:
    """The value of a cookie of a user who is logged in."""
    cookie = clients.login(places.home.url).cookie
    assert isinstance(cookie, str)
    return cookie.removeprefix("cbtid=")


def is_logged(text: str, folder: Path) -> bool:
    return bool(files_with(text, folder))


def wait_logged(text: str, folder: Path) -> None:
    """The lines of a worker reach the log of its node a little later."""
    wait_for(lambda: is_logged(text, folder), f"the log has {text}")


def test_a_value_stands_in_no_session_no_meta_event_and_no_file(
    places: Places, folder: Path, clients: Clients, secret: str
) -> None:
    for number, url in enumerate(places.others()):
        watcher = clients.open(url)
        watcher.subscribe("wamp.session.on_join")
        session = clients.open(url, cookie=f"place=number{number}; cbtid={secret}")
        described = session.call("wamp.session.get", session.session)
        headers = described["transport"]["http_headers_received"]
        assert headers["cookie"] == f"place=number{number}; cbtid={id_of(secret)}", url
        joined = wait_for(watcher.events, "the join event")
        assert id_of(secret) in repr(joined), url
        assert secret not in repr([described, joined]), url
        wait_logged(f"place=number{number}; cbtid={id_of(secret)}", folder)
    assert not is_logged(secret, folder)


def test_a_reverse_proxy_shows_neither_its_clients_cookie_nor_its_backends(
    places: Places, folder: Path, clients: Clients, secret: str
) -> None:
    session = clients.login(places.web.url + "reverse", cookie=f"cbtid={secret}")
    assert session.challenged, "the backend gets no header of the client"
    assert session.set_cookie is None
    described = session.call("wamp.session.get", session.session)
    given = described["transport"]["http_cbtid"]
    for id in (id_of(secret), given):
        wait_logged(f"cbtid={id}", folder)
    shown = re.findall(r"cbtid=([\w-]{24})", (folder / "node.log").read_text())
    assert secret not in shown
    assert given not in map(id_of, shown)


def test_a_value_is_hidden_however_its_head_is_written_and_cut(
    places: Places, folder: Path, secret: str
) -> None:
    ours = f"Cookie: cbtid={secret}"
    for port, path in places.raw():
        assert handshake(port, f"Cookie: a=1;\r\n cbtid={secret}", path=path).status == 400
        with RawHandshake(port, ours, path=path) as cut:
            for byte in cut.request:
                cut.send(bytes([byte]))
            assert cut.answer().status == 101
        with RawHandshake(port, ours, path=path) as bare_line_ends:
            bare_line_ends.send(bare_line_ends.request.replace(b"\r\n", b"\n") + END).answer()
        with RawHandshake(port, path=path) as cookie_first:
            cookie_first.send(f"{ours}\r\n".encode() + cookie_first.request).answer()
        assert handshake(port, f"Cookie: last={port}", path=path).status == 101
        wait_logged(f"last={port}", folder)
    assert not is_logged(secret, folder)


def refused(port: int, path: str, *headers: str) -> int:
    """The status that a client gets which may be cut off while it sends."""
    with RawHandshake(port, *headers, path=path) as raw:
        with suppress(ConnectionError):
            raw.send()
        status = raw.answer().status
        assert raw.is_closed()
        return status


def test_a_head_of_more_than_64_kib_or_500_lines_is_refused(places: Places) -> None:
    for port, path in places.raw():
        assert refused(port, path, LARGE) == 431
        assert refused(port, path, *["a:"] * 501) == 431
        assert handshake(port, LARGE[:60_000], path=path).status == 101


def test_two_cookie_headers_of_a_web_request_are_two_pairs(places: Places) -> None:
    value = handshake(places.web.port, path="/named").cookie
    cookies = ("Cookie: a=1", f"Cookie: sid={value}")
    assert handshake(places.web.port, *cookies, path="/named").cookie is None


@pytest.mark.parametrize("worker", ["router"], indirect=True)
def test_a_cookie_that_comes_at_run_time_is_hidden_by_its_whole_worker(
    running_places: Running, places: Places, folder: Path, clients: Clients
) -> None:
    late = running_places.late
    service = {**BARE, "cookie": {"name": "later", "store": STORES["lmdb"]}}
    assert late.start(clients, "late", service).joined
    value = handshake(late.web, path="/late").cookie
    assert value is not None
    assert handshake(places.bare.port, f"Cookie: later={value}").status == 101
    assert late.start(clients, "bare", BARE).joined
    assert handshake(late.web, f"Cookie: later={value}", path="/bare").status == 101
    assert handshake(late.web, "Cookie: last=one", path="/bare").status == 101
    wait_logged("last=one", folder)
    assert is_logged(id_of(value), folder)
    assert not is_logged(value, folder)


def test_a_node_without_cookies_keeps_crossbars_own_listeners(
    make_node: Callable[..., Node], listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port)))
    node.start(listener.port, loglevel="debug")
    assert handshake(listener.port, "Cookie: cbtid=somebodys").status == 101
    wait_logged("cbtid=somebodys", node.folder)
