"""kill -9: what a client was told is true after the restart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

LOADS = 3
ENOUGH = 15


class Load:
    """Clients that log in, one after the other, and log every second one out again."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.welcomed: list[str] = []
        self.gone: list[str] = []
        self.unsure: list[str] = []
        self.stop = Event()

    def run(self) -> None:
        clients = Clients()
        try:
            while not self.stop.is_set():
                self._one(clients)
        except AssertionError:
            # The node is being killed: the client could not even connect.
            pass
        finally:
            clients.close()

    def _one(self, clients: Clients) -> None:
        session = clients.login(self.url)
        if not session.joined:
            return
        if len(self.welcomed) <= len(self.gone):
            self.welcomed.append(session.cookie)
        else:
            self.unsure.append(session.cookie)
            if session.leave("wamp.close.logout")["leave_reason"] == "wamp.close.normal":
                self.gone.append(self.unsure.pop())
        session.close()


@pytest.mark.parametrize("store", ["file", "lmdb"])
def test_after_kill_9_every_welcome_is_remembered_and_every_goodbye_is_final(
    store: str, make_node: Callable[..., Node], clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES[store]})))
    node.start(listener.port)
    loads = [Load(listener.url) for _ in range(LOADS)]
    with ThreadPoolExecutor() as pool:
        running = [pool.submit(load.run) for load in loads]
        wait_for(lambda: all(len(load.gone) >= ENOUGH for load in loads), "logins and logouts")
        node.kill()
        for load in loads:
            load.stop.set()
        for done in running:
            done.result()

    node.start(listener.port)
    for load in loads:
        for cookie in load.welcomed:
            assert not clients.login(listener.url, cookie=cookie).challenged
        for cookie in load.gone:
            assert clients.login(listener.url, cookie=cookie).challenged
