"""Whether a directory is a store of this type, by a few pages of it."""

import os

from cookietrack_plugin.stores.lmdb.layout import DamagedPage
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, open_file

_TABLES = {b"records", b"by_authid", b"by_expiry"}


def has_tables(path: str) -> bool:
    """Whether the environment at `path` has our tables; LMDB is not asked."""
    file = os.path.join(path, DATA_FILE)
    if not os.path.isfile(file):
        return False
    with open(file, "rb", opener=open_file) as data:
        try:
            return set(Snapshot(data.fileno()).databases()) >= _TABLES
        except DamagedPage:
            return False
