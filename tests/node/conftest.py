"""Nodes and clients for end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node
from tests.support.ports import free_port

STORES: dict[str, dict[str, Any]] = {
    "memory": {"type": "memory"},
    "file": {"type": "file", "filename": "cookies.dat"},
    "lmdb": {"type": "lmdb", "path": ".cookies"},
    "database": {"type": "database", "path": ".cookies"},
}


@pytest.fixture
def clients() -> Iterator[Clients]:
    process = Clients()
    yield process
    process.close()


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


class Listener:
    """A port with its URL."""

    def __init__(self, path: str = "") -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/{path}"


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture(params=["router", "proxy"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """A function from transports to a node configuration with them, on a router and on a proxy."""
    if request.param == "router":
        return configs.router
    return lambda *transports: configs.proxy(tmp_path, *transports)
