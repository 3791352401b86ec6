"""Whether the pages of an LMDB file are consistent: LMDB trusts them, and may crash."""

import fcntl
import os
from collections.abc import Callable, Iterator
from struct import iter_unpack
from typing import Any

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.lmdb.layout import DamagedPage, Leaf, Node, Tree, UnreadablePage
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, open_file
from cookietrack_plugin.stores.lmdb.tables import Tables

_MAIN, _FREE = "the list of databases", "the list of free pages"


def unsound_pages(tables: Tables, txn: Any, snapshot: Callable[[], Snapshot]) -> list[str]:
    """What is inconsistent, a line for each page. The whole file is read."""
    return list(_unsound(snapshot()))


def check_beginning(path: str) -> None:
    """
    Check that LMDB can open the file without crashing.

    :raises StoreCorrupt: it lacks its end, or it is damaged where its databases begin.
    :raises StoreUnavailable: the disk cannot read it.
    """
    file = os.path.join(path, DATA_FILE)
    if not os.path.exists(file):
        return
    with open(file, "rb", opener=open_file) as data:
        # A writer makes the file complete before it gives this lock to the next one.
        fcntl.flock(data, fcntl.LOCK_SH)
        try:
            snapshot = Snapshot(data.fileno())
        except DamagedPage:
            # A new file, or no file of LMDB's, which LMDB reports itself.
            return
        missing = snapshot.size() - os.fstat(data.fileno()).st_size
        if missing > 0:
            raise StoreCorrupt(
                f"{path} lacks the last {missing} bytes of its {DATA_FILE}, as an incomplete copy"
                " does: replace it by a complete one, or move it away"
            )
        try:
            for tree in snapshot.databases().values():
                snapshot.check_root(tree)
        except UnreadablePage as fault:
            raise StoreUnavailable(f"{path} cannot be read: {fault}") from fault
        except DamagedPage as damage:
            raise StoreCorrupt(
                f"{path} is damaged where its databases begin ({damage}), and cannot be repaired:"
                " replace it by a copy, or move it away"
            ) from damage


def _unsound(snapshot: Snapshot) -> Iterator[str]:
    yield from _tree(snapshot, _MAIN, snapshot.main)
    free: list[int] = []
    yield from _tree(snapshot, _FREE, snapshot.free, free)
    yield from (
        f"{_FREE}: page {number} is used"
        for number in free
        if not 1 < number <= snapshot.last or snapshot.is_used(number)
    )


def _tree(
    snapshot: Snapshot, name: str, tree: Tree, free: list[int] | None = None
) -> Iterator[str]:
    found, lines, last = 0, 0, b""
    for line, items in _leaves(snapshot, name, tree, free):
        if line is not None:
            lines += 1
            yield line
        found += sum(map(_count, items))
        # Free pages are sorted by numbers.
        if items and free is None:
            if _key(items[0]) <= last:
                lines += 1
                yield f"{name}: its pages are not in order"
            last = _key(items[-1])
    if not lines and found != tree.entries:
        yield f"{name}: expected {tree.entries} entries, found {found}"


def _leaves(
    snapshot: Snapshot, name: str, tree: Tree, free: list[int] | None
) -> Iterator[tuple[str | None, Leaf]]:
    """Lines about damage, and leaves."""
    for leaf in snapshot.walk(tree):
        if isinstance(leaf, DamagedPage):
            yield f"{name}: {leaf}", ()
            continue
        yield None, leaf
        for node in leaf:
            if isinstance(node, Node):
                yield from ((line, ()) for line in _node(snapshot, name, node, free))


def _key(item: Node | bytes) -> bytes:
    return item.key if isinstance(item, Node) else item


def _count(item: Node | bytes) -> int:
    """The entries that LMDB counts for it: each value of a key that can have several."""
    if isinstance(item, Node):
        if isinstance(item.value, Tree) and item.value.is_of_key:
            return item.value.entries
        if isinstance(item.value, list):
            return len(item.value)
    return 1


def _node(snapshot: Snapshot, name: str, node: Node, free: list[int] | None) -> Iterator[str]:
    if isinstance(node.value, Tree):
        below = name if node.value.is_of_key else node.key.decode(errors="replace")
        yield from _tree(snapshot, below, node.value)
    elif not isinstance(node.value, list):
        try:
            data = snapshot.value(node)
        except DamagedPage as damage:
            yield f"{name}: {damage}"
        else:
            if free is not None:
                free += [number for (number,) in iter_unpack("=Q", data[8 : len(data) // 8 * 8])]
