"""kill -9: what a client was told is true after the restart."""

from collections.abc import Callable, Iterator

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.load import Load, under
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

LOADS = 3
ENOUGH = 15


@pytest.fixture
def crowd() -> Iterator[list[Clients]]:
    crowd = [Clients() for _ in range(LOADS)]
    yield crowd
    for clients in crowd:
        clients.close()


@pytest.mark.parametrize("store", ["file", "lmdb"])
def test_after_kill_9_every_welcome_is_remembered_and_every_goodbye_is_final(
    store: str,
    make_node: Callable[..., Node],
    clients: Clients,
    crowd: list[Clients],
    listener: Listener,
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES[store]})))
    node.start(listener.port)
    loads = [Load(listener.url, each) for each in crowd]
    with under(loads):
        wait_for(lambda: all(len(load.gone) >= ENOUGH for load in loads), "logins and logouts")
        node.kill()

    node.start(listener.port)
    for load in loads:
        for cookie in load.welcomed:
            assert not clients.login(listener.url, cookie=cookie).challenged
        for cookie in load.gone:
            assert clients.login(listener.url, cookie=cookie).challenged
