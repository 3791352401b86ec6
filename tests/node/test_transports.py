"""Every place of a node configuration in which a WebSocket listener can stand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.late import LateServices
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


def test_a_service_that_is_started_at_run_time_is_checked_and_tracked(
    make_node: Make, clients: Clients
) -> None:
    late = LateServices()
    node = make_node(late.config(ws=SERVICE))
    node.start(*late.ports)
    url = f"ws://127.0.0.1:{late.web}/"
    first = clients.login(url + "ws")
    wrong = {**SERVICE, "cookie": {"store": {"type": "lmbd"}}}
    assert not late.start(clients, "late", wrong).joined
    assert wait_for(lambda: "Did you mean 'lmdb'?" in node.output(), "the reason in the log")
    assert late.start(clients, "late", SERVICE).joined
    again = clients.login(url + "late", cookie=first.cookie)
    assert again.authprovider == "cookie"


def test_a_transport_without_a_cookie_item_sets_none(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, None, None)))
    node.start(listener.port)
    session = clients.open(listener.url)
    assert session.joined
    assert session.set_cookie is None
