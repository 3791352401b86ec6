"""A client's whole life with its cookie, over every store, on a router and behind a proxy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node

pytestmark = pytest.mark.node

OURS = ("memory", "file", "lmdb")
DURABLE = ("file", "lmdb")
PLACES = ("router", "proxy")


def by_cookie(clients: Clients, url: str, cookie: str) -> Any:
    return clients.open(url, cookie, ("cookie", "wampcra"), "alice", "alice-secret")


class Doors:
    """Two transports on each of our stores and one on Crossbar's database, in one worker."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.front = {store: Listener() for store in STORES}
        self.back = {store: Listener() for store in OURS}
        self._all = [(store, at) for door in (self.front, self.back) for store, at in door.items()]

    def ports(self) -> list[int]:
        return [listener.port for _, listener in self._all]

    def transports(self) -> list[dict[str, Any]]:
        return [
            configs.websocket(listener.port, {"store": self._of_this_worker(store)})
            for store, listener in self._all
        ]

    def _of_this_worker(self, store: str) -> dict[str, Any]:
        item = STORES[store]
        return {
            key: value if key == "type" else f"{value}-{self.place}" for key, value in item.items()
        }


def test_a_login_is_remembered_until_the_logout_and_never_again(
    tmp_path: Path, make_node: Callable[..., Node], clients: Clients
) -> None:
    """On the router worker and on the proxy worker of one node, whose stores are their own."""
    places = [Doors(place) for place in PLACES]
    direct, front = (doors.transports() for doors in places)
    node = make_node(configs.proxy(tmp_path, *front, direct=direct))
    ports = [port for doors in places for port in doors.ports()]
    node.start(*ports)
    before = [_live(clients, doors) for doors in places]
    node.stop()
    node.start(*ports)
    for doors, cookies in zip(places, before, strict=True):
        _go_on(clients, doors, *cookies)


def _live(clients: Clients, doors: Doors) -> tuple[dict[str, str], dict[str, str], str]:
    """By store, the cookies of logins that last and of those that end; one of Crossbar's own."""
    kept, ended = ({store: _log_in(clients, doors, store) for store in OURS} for _ in range(2))
    for store in OURS:
        _log_out(clients, doors, store, ended[store])
    return kept, ended, str(clients.login(doors.front["database"].url).cookie)


def _go_on(
    clients: Clients, doors: Doors, kept: dict[str, str], ended: dict[str, str], theirs: str
) -> None:
    """After a restart."""
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
