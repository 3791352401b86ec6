"""Every place of a node configuration in which a WebSocket listener can stand."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.node import Node, wait_for
from tests.support.raw import handshake

pytestmark = pytest.mark.node

Make = Callable[..., Node]
COOKIE = {"store": STORES["lmdb"]}
SERVICE = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}


def endpoint(port: int) -> dict[str, Any]:
    return {"type": "tcp", "port": port, "interface": "127.0.0.1"}


def test_one_login_serves_every_kind_of_transport_that_names_the_store(
    make_node: Make, clients: Clients, listener: Listener, tmp_path: Path
) -> None:
    web, universal = Listener(), Listener()
    nested = {"type": "path", "paths": {"ws": SERVICE}}
    config = configs.router(
        configs.websocket(listener.port, COOKIE),
        {
            "type": "web",
            "endpoint": endpoint(web.port),
            "paths": {"ws": SERVICE, "deep": nested},
        },
        {
            "type": "universal",
            "endpoint": endpoint(universal.port),
            "rawsocket": {"serializers": ["cbor"]},
            "websocket": {"ws": SERVICE},
            "web": {"paths": {"page": SERVICE}},
        },
    )
    node = make_node(config)
    node.start(listener.port, web.port, universal.port)
    first = clients.login(listener.url)
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
    assert len(list(node.cbdir.rglob("data.mdb"))) == 1


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


def test_a_service_that_is_started_at_run_time_is_checked_and_tracked(
    make_node: Make, clients: Clients, listener: Listener, tmp_path: Path
) -> None:
    web = Listener()
    (tmp_path / "starter.py").write_text(STARTER)
    starter = {"type": "function", "create": "starter.create", "expose_controller": True}
    config = configs.router(
        configs.websocket(listener.port, auth={"ticket": starter}),
        {"id": "web", "type": "web", "endpoint": endpoint(web.port), "paths": {"ws": SERVICE}},
        options={"pythonpath": [str(tmp_path)]},
    )
    node = make_node(config)
    node.start(listener.port, web.port)
    first = clients.login(web.url + "ws")

    def start(path: str, service: dict[str, Any]) -> Session:
        return clients.open(
            listener.url, methods=("ticket",), authid="x", secret=json.dumps([path, service])
        )

    refused = start("late", {**SERVICE, "cookie": {"store": {"type": "lmbd"}}})
    assert not refused.joined
    assert wait_for(lambda: "Did you mean 'lmdb'?" in node.output(), "the reason in the log")
    assert start("late", SERVICE).joined
    again = clients.login(web.url + "late", cookie=first.cookie)
    assert again.authprovider == "cookie"


def test_a_transport_without_a_cookie_item_sets_none(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, None, None)))
    node.start(listener.port)
    session = clients.open(listener.url)
    assert session.joined
    assert session.set_cookie is None
