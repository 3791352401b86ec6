"""`{"type": "diskcache", "path": "cookies"}` in the node configuration."""

import os
from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from cookietrack_diskcache.database import open_database
from cookietrack_diskcache.store import DiskcacheStore
from cookietrack_plugin.interfaces import ICookieStore, ICookieStoreProvider
from cookietrack_plugin.stores.kit.options import check_options


@implementer(ICookieStoreProvider)
class DiskcacheProvider:
    """`path`: the folder of the database, made if need be; relative to the node directory."""

    summary = "in diskcache, an SQLite database: durable, shared by the workers of a machine"
    volatile = False
    exclusive = False
    place = "path"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        check_options(options, required={"path": str})

    def open(self, options: Mapping[str, Any], node_dir: str) -> DiskcacheStore:
        return DiskcacheStore(open_database(os.path.join(node_dir, options["path"])))
