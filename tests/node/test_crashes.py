"""kill -9: what a client was told is true after the restart."""

from collections.abc import Callable, Iterator

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.load import Load, under
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

STORES_THAT_KEEP = ("file", "lmdb")
LOADS = 2
ENOUGH = 6


@pytest.fixture
def crowd() -> Iterator[list[Clients]]:
    crowd = [Clients() for _ in range(LOADS * len(STORES_THAT_KEEP))]
    yield crowd
    for clients in crowd:
        clients.close()


def test_after_kill_9_every_welcome_is_remembered_and_every_goodbye_is_final(
    make_node: Callable[..., Node], clients: Clients, crowd: list[Clients]
) -> None:
    listeners = {store: Listener() for store in STORES_THAT_KEEP}
    ports = [listener.port for listener in listeners.values()]
    node = make_node(
        configs.router(
            *(configs.websocket(at.port, {"store": STORES[name]}) for name, at in listeners.items())
        )
    )
    node.start(*ports)
    urls = [listener.url for listener in listeners.values()] * LOADS
    loads = [Load(url, each) for url, each in zip(urls, crowd, strict=True)]
    with under(loads):
        wait_for(lambda: all(len(load.gone) >= ENOUGH for load in loads), "logins and logouts")
        node.kill()

    node.start(*ports)
    for load in loads:
        for cookie in load.welcomed:
            assert not clients.login(load.url, cookie=cookie).challenged
        for cookie in load.gone:
            assert clients.login(load.url, cookie=cookie).challenged
