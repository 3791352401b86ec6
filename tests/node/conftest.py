"""Nodes and clients for end-to-end tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from servers.ports import free_port
from tests.support import configs
from tests.support.apart import Apart, nodes_apart
from tests.support.client import Clients
from tests.support.node import Node, running
from tests.support.sites import Door, Place, Site, opened

STORES: dict[str, dict[str, Any]] = {
    "memory": {"type": "memory"},
    "file": {"type": "file", "filename": "cookies.dat"},
    "lmdb": {"type": "lmdb", "path": ".cookies"},
    "database": {"type": "database", "path": ".database"},
}
LMDB = {"store": STORES["lmdb"]}
ROLLING = {**LMDB, "rolling": True, "max_age": 600}
# Seconds: a login grows too old while a test waits.
FRESH_FOR_S = 5
VISITOR = {"type": "static", "role": "anonymous"}
# The transports of the node that most tests share, by name: `cookie` item and `auth` item.
TRANSPORTS: dict[str, tuple[dict[str, Any], Any]] = {
    "plain": (LMDB, configs.LOGIN),
    "short": ({**LMDB, "max_age": 2}, configs.LOGIN),
    "idle": ({**LMDB, "idle_timeout": 6}, configs.LOGIN),
    "rolling": (ROLLING, configs.LOGIN),
    "bounded": ({**ROLLING, "absolute_max_age": 600}, configs.LOGIN),
    "lasting": ({**LMDB, "rotate": False}, configs.LOGIN),
    "always": ({**LMDB, "rotate": "always"}, configs.LOGIN),
    "fresh": ({**LMDB, "fresh_for": FRESH_FOR_S}, configs.LOGIN),
    "tracking": (
        {**LMDB, "rotate": False},
        {method: item for method, item in configs.LOGIN.items() if method != "cookie"},
    ),
    "open": (LMDB, None),
    "anonymous": (LMDB, {"anonymous": VISITOR}),
    "visitor": (LMDB, {"anonymous": {**VISITOR, "authid": "visitor"}}),
    "shaped": (
        {
            "name": "track",
            "length": 40,
            "max_age": 600,
            "secure": True,
            "http_strict": True,
            "same_site": "Strict",
        },
        configs.LOGIN,
    ),
}


class Listener:
    """A port with its URL."""

    def __init__(self, path: str = "") -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/{path}"


class SharedNode:
    """
    The listeners of a node that runs: a test that uses it leaves the others' cookies alone.

    :param place: the worker that they are on, "router" or "proxy".
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._listeners = {name: Listener() for name in TRANSPORTS}

    def transports(self) -> list[dict[str, Any]]:
        return [
            configs.websocket(self.port(name), cookie, auth)
            for name, (cookie, auth) in TRANSPORTS.items()
        ]

    def ports(self) -> list[int]:
        return [self.port(name) for name in TRANSPORTS]

    def port(self, name: str) -> int:
        return self._listeners[name].port

    def url(self, name: str = "plain") -> str:
        return self._listeners[name].url


@pytest.fixture(scope="session", params=["router", "proxy"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedNode]:
    """
    A node with every transport of `TRANSPORTS`, on a router and on a proxy worker, two realms, and
    the procedures in the first.
    """
    folder, node = tmp_path_factory.mktemp("shared"), SharedNode(request.param)
    more = {
        "realms": (configs.REALM, configs.REALM2),
        "components": [configs.administration(store=STORES["lmdb"])],
    }
    config = placed(request.param, folder, *node.transports(), **more)
    with running(Node(folder / "node", config), *node.ports()):
        yield node


@pytest.fixture
def make_node(tmp_path: Path) -> Iterator[Callable[..., Node]]:
    """A function that makes nodes in folders of their own; all are stopped in the end."""
    nodes: list[Node] = []

    def make(config: dict[str, Any], **kwargs: Any) -> Node:
        nodes.append(Node(tmp_path / f"node{len(nodes)}", config, **kwargs))
        return nodes[-1]

    yield make
    for node in nodes:
        node.stop()


@pytest.fixture(scope="module")
def lasting_clients() -> Iterator[Clients]:
    """
    A process with real clients for all tests of a file: where sessions that another test has left
    open are in nobody's way.
    """
    process = Clients()
    yield process
    process.close()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture(params=["router", "proxy"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A function from transports to a node configuration with them, on a router and on a proxy."""
    return lambda *transports: placed(request.param, tmp_path, *transports)


def placed(place: str, folder: Path, *transports: dict[str, Any], **more: Any) -> dict[str, Any]:
    """
    A node configuration with these transports on a "router" or a "proxy" worker; `more` is for the
    router worker.
    """
    if place == "router":
        return configs.router(*transports, **more)
    return configs.proxy(folder, *transports, **more)


@contextmanager
def server_store(kind: str, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """An empty store on a server of the tests, "redis" or the name of a database's fixture."""
    if kind == "redis":
        server = request.getfixturevalue("redis_server")
        yield {"type": "redis", "url": server.url(), "prefix": f"tests{uuid4().hex}"}
        return
    database = request.getfixturevalue(kind)
    with database.database() as name:
        yield {"type": "sql", "url": database.url(name)}


@pytest.fixture(scope="session", params=["lmdb", pytest.param("redis", marks=pytest.mark.server)])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A node with one more worker, or two nodes on a server; tests bring users of their own."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "lmdb":
            store = STORES["lmdb"]
            places = [Place(folder, store, another=True)]
        else:
            store = stack.enter_context(server_store("redis", request))
            places = [Place(folder / "1", store), Place(folder / "2", store, "other node's ")]
        yield stack.enter_context(opened(store, places))


@pytest.fixture(params=["router", "proxy"])
def door(request: pytest.FixtureRequest, site: Site) -> Door:
    """Where clients come in: at a router worker, and at a proxy worker in front of it."""
    return site.here[request.param]


@pytest.fixture(scope="session", params=["redis", "postgresql"])
def apart(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Apart]:
    """Two nodes behind one server, with clocks of their own, and networks that can be cut."""
    name = {"redis": "redis_server"}.get(request.param, request.param)
    server = request.getfixturevalue(name)
    with (
        server_store(request.param, request) as item,
        nodes_apart(item, server, tmp_path_factory.mktemp("apart")) as nodes,
    ):
        yield nodes
