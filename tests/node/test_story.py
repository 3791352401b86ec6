"""A client's whole life with its cookie, over every store, on a router and behind a proxy."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node

pytestmark = pytest.mark.node

Make = Callable[..., Node]
Place = Callable[..., dict[str, Any]]


def by_cookie(clients: Clients, url: str, cookie: str) -> Any:
    return clients.open(url, cookie, ("cookie", "wampcra"), "alice", "alice-secret")


@pytest.mark.parametrize("store", ["memory", "file", "lmdb"])
def test_a_login_is_remembered_until_the_logout_and_never_again(
    store: str, place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    other = Listener()
    cookie = {"store": STORES[store]}
    config = place(configs.websocket(listener.port, cookie), configs.websocket(other.port, cookie))
    node = make_node(config)
    node.start(listener.port, other.port)

    first = clients.login(listener.url)
    assert first.set_cookie.startswith("cbtid=")
    assert first.challenged
    assert first.authprovider == "static"

    again = by_cookie(clients, listener.url, first.cookie)
    assert not again.challenged
    assert again.authprovider == "cookie"
    assert (again.authid, again.authrole, again.authmethod) == ("alice", "user", "wampcra")
    assert again.set_cookie is None

    if store != "memory":
        node.stop()
        node.start(listener.port, other.port)
        again = by_cookie(clients, listener.url, first.cookie)
        assert again.authprovider == "cookie"

    sibling = by_cookie(clients, other.url, first.cookie)
    assert sibling.authprovider == "cookie"

    assert again.leave("wamp.close.logout")["leave_reason"]
    assert sibling.wait_closed()["leave_reason"] == "wamp.close.logout"
    for url in (listener.url, other.url):
        assert by_cookie(clients, url, first.cookie).challenged

    node.stop()
    node.start(listener.port, other.port)
    for url in (listener.url, other.url):
        late = by_cookie(clients, url, first.cookie)
        assert late.challenged
        assert late.set_cookie is not None


def test_crossbars_own_database_passes_through_with_its_own_defects(
    place: Place, make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(place(configs.websocket(listener.port, {"store": STORES["database"]})))
    node.start(listener.port)
    first = clients.login(listener.url)
    node.stop()
    node.start(listener.port)
    again = by_cookie(clients, listener.url, first.cookie)
    assert again.authprovider == "cookie"
    sibling = by_cookie(clients, listener.url, first.cookie)

    again.leave("wamp.close.logout")
    assert by_cookie(clients, listener.url, first.cookie).challenged
    # Crossbar's defect: a logout closes no sibling connection.
    assert sibling.call("wamp.session.get", sibling.session)["authid"] == "alice"
    node.stop()
    node.start(listener.port)
    assert by_cookie(clients, listener.url, first.cookie).challenged
