"""A node behind a real nginx and a real HAProxy, which alone are believed about their clients."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.header import id_of
from servers.process import running as running_server
from servers.webproxies import HAProxy, Nginx, WebProxy
from tests.node.conftest import Listener
from tests.support import configs
from tests.support.node import Node, running
from tests.support.raw import handshake

pytestmark = pytest.mark.server

STORE = {"type": "lmdb", "path": ".cookies"}
# Every address of 127.0.0.0/8 is this machine's: the proxies are at the first one.
PROXY, CLIENT = "127.0.0.1", "127.0.0.2"
FORGED = "203.0.113.9"
FORGERIES = [
    f"X-Forwarded-For: {FORGED}",
    f"X-Forwarded-For: {FORGED}, {PROXY}",
    f'Forwarded: for="{FORGED}:1"',
    f"X-Real-IP: {FORGED}",
]


class Site:
    """A node with a transport that trusts the proxies, without a login: each visit is stored."""

    def __init__(self, folder: Path) -> None:
        self.listener = Listener()
        cookie = {"store": STORE, "trusted_proxies": [PROXY]}
        transport = configs.websocket(self.listener.port, cookie, auth=None)
        self.node = Node(folder, configs.router(transport))

    def peer(self, port: int, *headers: str) -> str | None:
        """What is known of the client of a handshake with this port."""
        answer = handshake(port, *headers, source=CLIENT)
        assert answer.status == 101
        assert answer.cookie is not None
        id = id_of(answer.cookie)
        store = find_provider("lmdb").open(STORE, str(self.node.cbdir))
        try:
            return store.load([id])[id].peer
        finally:
            store.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("node"))
    with running(site.node, site.listener.port):
        yield site


@pytest.fixture(scope="module", params=[Nginx, HAProxy], ids=["nginx", "haproxy"])
def proxy(request: pytest.FixtureRequest, site: Site) -> Iterator[WebProxy]:
    with running_server(request.param(site.listener.port)) as proxy:
        yield proxy


def test_the_client_is_the_one_that_the_proxy_names(site: Site, proxy: WebProxy) -> None:
    peer = site.peer(proxy.port)
    assert peer is not None
    assert peer.startswith(f"tcp4:{CLIENT}")


@pytest.mark.parametrize("forged", FORGERIES)
def test_what_a_client_says_of_itself_counts_for_nothing(
    site: Site, proxy: WebProxy, forged: str
) -> None:
    peer = site.peer(proxy.port, forged)
    assert peer is not None
    assert peer.startswith(f"tcp4:{CLIENT}")


@pytest.mark.parametrize("forged", FORGERIES)
def test_a_client_that_is_no_proxy_is_not_believed(site: Site, forged: str) -> None:
    peer = site.peer(site.listener.port, forged)
    assert peer is not None
    assert peer.startswith(f"tcp4:{CLIENT}")
