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
OURS = ("memory", "file", "lmdb")
DURABLE = ("file", "lmdb")


def by_cookie(clients: Clients, url: str, cookie: str) -> Any:
    return clients.open(url, cookie, ("cookie", "wampcra"), "alice", "alice-secret")


class Doors:
    """Two transports on each of our stores, in one node."""

    def __init__(self, place: Place, make_node: Make) -> None:
        self.front = {store: Listener() for store in OURS}
        self.back = {store: Listener() for store in OURS}
        self._all = [(store, door[store]) for door in (self.front, self.back) for store in OURS]
        transports = [
            configs.websocket(listener.port, {"store": STORES[store]})
            for store, listener in self._all
        ]
        self._node = make_node(place(*transports))
        self.start()

    def start(self) -> None:
        self._node.start(*(listener.port for _, listener in self._all))

    def restart(self) -> None:
        self._node.stop()
        self.start()


def test_a_login_is_remembered_until_the_logout_and_never_again(
    place: Place, make_node: Make, clients: Clients
) -> None:
    doors = Doors(place, make_node)
    first = {store: clients.login(doors.front[store].url) for store in OURS}
    for store in OURS:
        assert first[store].set_cookie.startswith("cbtid=")
        assert first[store].challenged
        assert first[store].authprovider == "static"
        again = by_cookie(clients, doors.front[store].url, first[store].cookie)
        assert not again.challenged
        assert again.authprovider == "cookie"
        assert (again.authid, again.authrole, again.authmethod) == ("alice", "user", "wampcra")
        assert again.set_cookie is None
    _log_out(clients, doors, "memory", first["memory"].cookie)

    doors.restart()
    for store in DURABLE:
        _log_out(clients, doors, store, first[store].cookie)

    doors.restart()
    for store in OURS:
        for door in (doors.front, doors.back):
            late = by_cookie(clients, door[store].url, first[store].cookie)
            assert late.challenged
            assert late.set_cookie is not None


def _log_out(clients: Clients, doors: Doors, store: str, cookie: str) -> None:
    front, back = doors.front[store].url, doors.back[store].url
    session, sibling = (by_cookie(clients, url, cookie) for url in (front, back))
    assert (session.authprovider, sibling.authprovider) == ("cookie", "cookie")
    assert session.leave("wamp.close.logout")["leave_reason"]
    assert sibling.wait_closed()["leave_reason"] == "wamp.close.logout"
    for url in (front, back):
        assert by_cookie(clients, url, cookie).challenged


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
