"""`{"type": "rocksdb", "path": ...}` in the node configuration."""

import os
from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.stores.kit.options import check_options
from cookietrack_plugin.stores.kit.ordered.store import OrderedStore
from cookietrack_rocksdb.engine import RocksdbEngine


@implementer(ICookieStoreProvider)
class RocksdbProvider:
    """`path`: the folder of the store, made if need be; relative to the node directory."""

    summary = "in RocksDB: durable, embedded, for one process"
    contract = 1
    volatile = False
    exclusive = True
    place = "path"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(options, required={"path": str})

    def open(self, options: Mapping[str, Any], node_dir: str) -> OrderedStore:
        path = os.path.join(node_dir, options["path"])
        engine = RocksdbEngine(path)
        label = path
        try:
            return OrderedStore(engine, label)
        except BaseException:
            engine.close()
            raise
