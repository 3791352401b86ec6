"""Whether a directory is a store of this type, by a few pages of it."""

import os
from collections.abc import Iterator

from cookietrack_plugin.stores.lmdb.layout import DamagedPage, Node
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, FORMAT_KEY, open_file

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


def format_of(path: str) -> int | None:
    """The format of the store at `path`; LMDB is not asked. None where it cannot be read."""
    with open(os.path.join(path, DATA_FILE), "rb", opener=open_file) as data:
        try:
            marks = [*_marks(Snapshot(data.fileno()))]
        except DamagedPage:
            return None
    return int(marks[0]) if marks else None


def _marks(snapshot: Snapshot) -> Iterator[bytes]:
    for leaf in snapshot.walk(snapshot.main, FORMAT_KEY):
        if isinstance(leaf, DamagedPage):
            raise leaf
        nodes = (node for node in leaf if isinstance(node, Node) and node.key == FORMAT_KEY)
        yield from (node.value for node in nodes if isinstance(node.value, bytes))
