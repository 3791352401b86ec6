"""Every place of a node configuration in which a WebSocket listener can stand."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.node import Node, running, wait_for
from tests.support.raw import handshake

pytestmark = pytest.mark.node

COOKIE = {"store": STORES["lmdb"]}
SERVICE = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}
# An authenticator that starts the Web service which its client names.
STARTER = """
import json


def create(config, controller):
    async def start_service(realm, authid, details):
        path, service = json.loads(details["ticket"])
        try:
            await controller.start_web_transport_service("web", path, service)
        except Exception as error:
            print("refused:", error, flush=True)
            raise
        return {"role": "user"}

    return start_service
"""


def endpoint(port: int) -> dict[str, Any]:
    return {"type": "tcp", "port": port, "interface": "127.0.0.1"}


class Everywhere:
    """A node with a WebSocket listener in every place, with our cookies but for `bare`."""

    def __init__(self, folder: Path) -> None:
        self.websocket, self.web, self.universal = Listener(), Listener(), Listener()
        self.bare, self.starter = Listener(), Listener()
        (folder / "starter.py").write_text(STARTER)
        config = configs.router(*self._transports(), options={"pythonpath": [str(folder)]})
        self.node = Node(folder / "node", config)

    def _transports(self) -> Iterator[dict[str, Any]]:
        yield configs.websocket(self.websocket.port, COOKIE)
        yield configs.websocket(self.bare.port, None, None)
        starter = {"type": "function", "create": "starter.create", "expose_controller": True}
        yield configs.websocket(self.starter.port, auth={"ticket": starter})
        nested = {"type": "path", "paths": {"ws": SERVICE}}
        yield {
            "id": "web",
            "type": "web",
            "endpoint": endpoint(self.web.port),
            "paths": {"ws": SERVICE, "deep": nested},
        }
        yield {
            "type": "universal",
            "endpoint": endpoint(self.universal.port),
            "rawsocket": {"serializers": ["cbor"]},
            "websocket": {"ws": SERVICE},
            "web": {"paths": {"page": SERVICE}},
        }

    def ports(self) -> list[int]:
        places = (self.websocket, self.web, self.universal, self.bare, self.starter)
        return [place.port for place in places]


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
    places = [web.url + "ws", web.url + "deep/ws", universal.url + "ws", universal.url + "page"]
    sessions = [clients.login(url, cookie=first.cookie) for url in places]
    assert [session.authprovider for session in sessions] == ["cookie"] * len(places)
    assert [session.set_cookie for session in sessions] == [None] * len(places)

    first.leave("wamp.close.logout")
    for session in sessions:
        assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
    assert all(clients.login(url, cookie=first.cookie).challenged for url in places)
    fresh = [handshake(place.port, path="/ws").cookie for place in (web, universal)]
    assert all(fresh)
    assert len(list(everywhere.node.cbdir.rglob("data.mdb"))) == 1


def test_a_service_that_is_started_at_run_time_is_checked_and_tracked(
    everywhere: Everywhere, clients: Clients
) -> None:
    first = clients.login(everywhere.web.url + "ws")

    def start(path: str, service: dict[str, Any]) -> Session:
        asked = json.dumps([path, service])
        return clients.open(everywhere.starter.url, methods=("ticket",), authid="x", secret=asked)

    refused = start("late", {**SERVICE, "cookie": {"store": {"type": "lmbd"}}})
    assert not refused.joined
    output = everywhere.node.output
    assert wait_for(lambda: "Did you mean 'lmdb'?" in output(), "the reason in the log")
    assert start("late", SERVICE).joined
    again = clients.login(everywhere.web.url + "late", cookie=first.cookie)
    assert again.authprovider == "cookie"


def test_a_transport_without_a_cookie_item_sets_none(
    everywhere: Everywhere, clients: Clients
) -> None:
    session = clients.open(everywhere.bare.url)
    assert session.joined
    assert session.set_cookie is None
