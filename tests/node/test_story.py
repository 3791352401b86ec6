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
    """Two transports on each of our stores and one on Crossbar's database, in one node."""

    def __init__(self, place: Place, make_node: Make) -> None:
        self.front = {store: Listener() for store in STORES}
        self.back = {store: Listener() for store in OURS}
        self._all = [(store, at) for door in (self.front, self.back) for store, at in door.items()]
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
    kept, ended = ({store: _log_in(clients, doors, store) for store in OURS} for _ in range(2))
    for store in OURS:
        _log_out(clients, doors, store, ended[store])
    theirs = clients.login(doors.front["database"].url).cookie

    doors.restart()
    for store in DURABLE:
        _log_out(clients, doors, store, kept[store])
    for store in OURS:
        for door in (doors.front, doors.back):
            for cookie in (kept[store], ended[store]):
                late = by_cookie(clients, door[store].url, cookie)
                assert late.challenged
                assert late.set_cookie is not None
    _crossbars_own_passes_through_with_its_defects(clients, doors.front["database"].url, theirs)


def _log_in(clients: Clients, doors: Doors, store: str) -> str:
    """The cookie of a login, which the next connection is in by."""
    url = doors.front[store].url
    first = clients.login(url)
    assert first.set_cookie.startswith("cbtid=")
    assert first.challenged
    assert first.authprovider == "static"
    again = by_cookie(clients, url, first.cookie)
    assert not again.challenged
    assert again.authprovider == "cookie"
    assert (again.authid, again.authrole, again.authmethod) == ("alice", "user", "wampcra")
    assert again.set_cookie is None
    return str(first.cookie)


def _log_out(clients: Clients, doors: Doors, store: str, cookie: str) -> None:
    front, back = doors.front[store].url, doors.back[store].url
    session, sibling = (by_cookie(clients, url, cookie) for url in (front, back))
    assert (session.authprovider, sibling.authprovider) == ("cookie", "cookie")
    assert session.leave("wamp.close.logout")["leave_reason"]
    assert sibling.wait_closed()["leave_reason"] == "wamp.close.logout"
    for url in (front, back):
        assert by_cookie(clients, url, cookie).challenged


def _crossbars_own_passes_through_with_its_defects(clients: Clients, url: str, cookie: str) -> None:
    again, sibling = (by_cookie(clients, url, cookie) for _ in range(2))
    assert again.authprovider == "cookie"
    again.leave("wamp.close.logout")
    assert by_cookie(clients, url, cookie).challenged
    # Crossbar's defect: a logout closes no sibling connection.
    assert sibling.call("wamp.session.get", sibling.session)["authid"] == "alice"
