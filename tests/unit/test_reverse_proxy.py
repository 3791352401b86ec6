"""The WebSocket reverse proxy: neither its client's cookies nor its backend's are shown."""

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from cookietrack_plugin.header import id_of
from cookietrack_plugin.router import redacted, reverseproxy
from cookietrack_plugin.router.head import HEAD_BYTES
from cookietrack_plugin.router.names import CookieNames
from cookietrack_plugin.router.reverseproxy import FrontendFactory
from tests.support.protocols import Client, Wire

VALUE = "Wd3sTn0rQ8vYk2mXz5uB7hJp"
SET = VALUE[::-1]


class Backend(WebSocketServerProtocol):
    """A server that sets a cookie of its own, and says a word at once."""

    def onConnect(self, request):
        self.headers = request.headers
        return request.protocols[0], {"Set-Cookie": f"cbtid={SET}; Max-Age=5"}

    def onOpen(self):
        self.sendMessage(b"hello")


class Network:
    """A reactor that connects to the backend, or a part of one, when the test says so."""

    def connectTCP(self, host, port, factory, timeout, bindAddress):
        self.factory = factory
        return self

    def connect(self):
        self.proxy = self.factory.buildProtocol(None)
        self.wire = Wire()
        self.proxy.makeConnection(self.wire)

    def answer(self):
        """All that a backend says to what the proxy has sent so far."""
        factory = WebSocketServerFactory(protocols=["wamp.2.json"])
        factory.protocol = Backend
        self.backend = Client(factory)
        self.backend.protocol.dataReceived(self.wire.value())
        return self.backend.transport.value()


@pytest.fixture(autouse=True)
def names(monkeypatch):
    """The node has one cookie."""
    for module in (redacted, reverseproxy):
        monkeypatch.setattr(module, "cookie_names", CookieNames(["cbtid"]))


@pytest.fixture
def network():
    return Network()


@pytest.fixture
def client(network):
    endpoint = {"type": "tcp", "host": "127.0.0.1", "port": 1}
    backend = {"type": "websocket", "url": "ws://127.0.0.1:1/", "endpoint": endpoint}
    return Client(FrontendFactory(network, {"backend": backend}))


@pytest.mark.parametrize("size", [1, 10_000])
def test_no_value_of_either_side_is_shown_or_passed_on(client, network, log, size):
    client.shake_hands(f"Cookie: a=1; cbtid={VALUE}")
    network.connect()
    assert id_of(VALUE) in log.text()
    assert VALUE not in log.text()
    answer = network.answer()
    assert f"cbtid={SET}".encode() in answer
    log.events.clear()  # of the backend
    for start in range(0, len(answer), size):
        network.proxy.dataReceived(answer[start : start + size])
    assert client.status == 101
    assert client.set_cookie is None
    assert "cookie" not in network.backend.protocol.headers
    assert client.transport.value().endswith(b"hello")
    assert id_of(SET) in log.text()
    assert SET not in log.text()


def test_a_backend_whose_head_is_too_large_is_dropped(client, network):
    client.shake_hands()
    network.connect()
    network.proxy.dataReceived(b"a" * HEAD_BYTES)
    assert network.wire.disconnecting


def test_a_client_that_is_refused_before_there_is_a_backend_leaves_nothing_undone(client, log):
    client.protocol.dataReceived(b"a" * HEAD_BYTES)
    assert client.status == 431
    client.protocol.connectionLost(Failure(ConnectionDone()))
    assert log.at("critical") == []
