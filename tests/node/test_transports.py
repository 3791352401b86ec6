"""Every place of a node configuration in which a WebSocket listener can stand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.late import LateServices
from tests.support.node import Node, running, wait_for
from tests.support.raw import handshake

pytestmark = pytest.mark.node

COOKIE = {"store": STORES["lmdb"]}
SERVICE = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}


class Everywhere:
    """A node with a WebSocket listener in every place, with our cookies but for `bare`."""

    def __init__(self, folder: Path) -> None:
        self.websocket, self.universal, self.bare = Listener(), Listener(), Listener()
        self.late = LateServices()
        self.web = f"ws://127.0.0.1:{self.late.web}/"
        nested = {"type": "path", "paths": {"ws": SERVICE}}
        config = self.late.config(*self._transports(), ws=SERVICE, deep=nested)
        self.node = Node(folder, config)

    def _transports(self) -> Iterator[dict[str, Any]]:
        yield configs.websocket(self.websocket.port, COOKIE)
        yield configs.websocket(self.bare.port, None, None)
        yield {
            "type": "universal",
            "endpoint": {"type": "tcp", "port": self.universal.port, "interface": "127.0.0.1"},
            "rawsocket": {"serializers": ["cbor"]},
            "websocket": {"ws": SERVICE},
            "web": {"paths": {"page": SERVICE}},
        }

    def ports(self) -> list[int]:
        places = (self.websocket, self.universal, self.bare)
        return [*self.late.ports, *(place.port for place in places)]


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everywhere]:
    everywhere = Everywhere(tmp_path_factory.mktemp("everywhere"))
    with running(everywhere.node, *everywhere.ports()):
        yield everywhere


def test_one_login_serves_every_kind_of_transport_that_names_the_store(
    everywhere: Everywhere, clients: Clients
) -> None:
    web, universal = everywhere.web, everywhere.universal
    first = clients.login(everywhere.websocket.url)
    assert first.challenged
    places = [web + "ws", web + "deep/ws", universal.url + "ws", universal.url + "page"]
    sessions = [clients.login(url, cookie=first.cookie) for url in places]
    assert [session.authprovider for session in sessions] == ["cookie"] * len(places)
    assert [session.set_cookie for session in sessions] == [None] * len(places)

    first.leave("wamp.close.logout")
    for session in sessions:
        assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
    assert all(clients.login(url, cookie=first.cookie).challenged for url in places)
    fresh = [handshake(port, path="/ws").cookie for port in (everywhere.late.web, universal.port)]
    assert all(fresh)
    assert len(list(everywhere.node.cbdir.rglob("data.mdb"))) == 1


def test_a_service_that_is_started_at_run_time_is_checked_and_tracked(
    everywhere: Everywhere, clients: Clients
) -> None:
    first = clients.login(everywhere.web + "ws")

    late = everywhere.late
    refused = late.start(clients, "late", {**SERVICE, "cookie": {"store": {"type": "lmbd"}}})
    assert not refused.joined
    output = everywhere.node.output
    assert wait_for(lambda: "Did you mean 'lmdb'?" in output(), "the reason in the log")
    assert late.start(clients, "late", SERVICE).joined
    again = clients.login(everywhere.web + "late", cookie=first.cookie)
    assert again.authprovider == "cookie"


def test_a_transport_without_a_cookie_item_sets_none(
    everywhere: Everywhere, clients: Clients
) -> None:
    session = clients.open(everywhere.bare.url)
    assert session.joined
    assert session.set_cookie is None
