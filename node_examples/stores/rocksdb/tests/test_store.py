"""The plugin's conformance suite over the store."""

from contextlib import closing

from cookietrack_rocksdb.provider import RocksdbProvider
from rocksdict import Options, Rdict

from cookietrack_plugin.stores.kit.ordered.keys import record_key
from cookietrack_plugin.testing import DurableStoreSuite


class TestRocksdbStore(DurableStoreSuite):
    provider = RocksdbProvider
    options = {"type": "rocksdb", "path": "cookies"}
    wrong_options = [("path", {"type": "rocksdb", "path": ""})]
    lacks = {
        "sharing": "RocksDB lets one process open a database",
        "limit": "nothing but the disk limits it",
    }

    def damage(self, options, node_dir, id):
        put(node_dir / options["path"], record_key(id), b"\xff")

    def take_away(self, options, node_dir):
        (node_dir / options["path"]).rename(node_dir / "elsewhere")

    def break_store(self, options, node_dir):
        self.take_away(options, node_dir)

    def mend_store(self, options, node_dir):
        (node_dir / "elsewhere").rename(node_dir / options["path"])

    def plant(self, options, node_dir):
        put(node_dir / options["path"], b"somebody", b"else's database")


def put(path, key, value):
    with closing(Rdict(str(path), Options(raw_mode=True))) as database:
        database[key] = value
