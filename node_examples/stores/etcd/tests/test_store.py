"""The plugin's conformance suite over the store, on a server of the tests' own."""

from uuid import uuid4

import pytest
from cookietrack_etcd.provider import EtcdProvider
from server import Server

from cookietrack_plugin.stores.kit.ordered.keys import MARK, record_key
from cookietrack_plugin.testing import DurableStoreSuite


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.stop()


class TestEtcdStore(DurableStoreSuite):
    provider = EtcdProvider
    options = {"type": "etcd", "url": "http://localhost:2379"}
    wrong_options = [
        ("url", {"type": "etcd"}),
        ("url", {"type": "etcd", "url": "localhost"}),
        ("url", {"type": "etcd", "url": "http://localhost:2379/path"}),
        ("url", {"type": "etcd", "url": "http://localhost:2379#path"}),
        ("prefix", {"type": "etcd", "url": "http://localhost:2379", "prefix": ""}),
        ("timeout", {"type": "etcd", "url": "http://localhost:2379", "timeout": 0}),
    ]
    lacks = {"limit": "a full etcd refuses the feed's entry of a deletion as well"}

    @pytest.fixture
    def store_options(self, server):
        type(self).server = server
        return {"type": "etcd", "url": server.url, "prefix": f"{uuid4().hex}/", "timeout": 2}

    def damage(self, options, node_dir, id):
        self.server.put(options["prefix"], record_key(id), b"\xff")

    def plant(self, options, node_dir):
        self.server.put(options["prefix"], MARK, b"a shopping list")

    def take_away(self, options, node_dir):
        self.server.clear(options["prefix"])

    def break_store(self, options, node_dir):
        self.server.stop()

    def mend_store(self, options, node_dir):
        self.server.start()
