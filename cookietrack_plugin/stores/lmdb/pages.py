"""
The pages of an LMDB file, read as bytes and not from mapped memory: damage can neither crash the
process nor make a walk endless.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from cookietrack_plugin.stores.lmdb.layout import (
    BRANCH,
    HEADER,
    LEAF,
    LEAF2,
    NOWHERE,
    NUMBER,
    OVERFLOW,
    OVERFLOW_HEADER,
    DamagedPage,
    Leaf,
    Node,
    PageFile,
    Tree,
    are_growing,
    flags_of,
    nodes_of,
    packed_keys,
    tree_of,
    value_of,
)

# LMDB's own limit for the depth of a tree (CURSOR_STACK in mdb.c).
_DEEPEST = 32


class Snapshot:
    """
    The latest state of the file `descriptor`. Its pages stay as they are while a transaction that
    reads it is open, or nobody writes.

    :raises DamagedPage: there is no page that says where everything begins.
    """

    def __init__(self, descriptor: int) -> None:
        self._file = PageFile(descriptor)
        self.page_size = self._file.page_size
        metas = [meta for number in (0, 1) if (meta := self._file.meta(number))]
        if not metas:
            raise DamagedPage("pages 0 and 1: neither says where the rest begins")
        self.txnid, self.last, free, main = max(metas)
        self.free, self.main = tree_of(free), tree_of(main)
        self._seen = bytearray(self.last // 8 + 1)

    def databases(self) -> dict[bytes, Tree]:
        """
        The roots of the named databases, by name.

        :raises DamagedPage: their list cannot be read.
        """
        found = {}
        for leaf in self.walk(self.main):
            if isinstance(leaf, DamagedPage):
                raise leaf
            nodes = (node for node in leaf if isinstance(node, Node))
            found.update({node.key: node.value for node in nodes if isinstance(node.value, Tree)})
        return found

    def size(self) -> int:
        """The bytes that the file has to have."""
        return (self.last + 1) * self.page_size

    def walk(self, tree: Tree, start: bytes = b"") -> Iterator[Leaf | DamagedPage]:
        """
        The leaves in order, from the one in which `start` would be; instead of a leaf that cannot
        be read, why.
        """
        if tree.root != NOWHERE:
            yield from self._walk(tree, tree.root, min(tree.depth, _DEEPEST), start)

    def value(self, node: Node) -> bytes:
        """:raises DamagedPage: it lies on pages of its own, which are damaged."""
        if isinstance(node.value, bytes):
            return node.value
        if not isinstance(node.value, tuple):
            raise DamagedPage(f"key {node.key!r} leads to no value")
        number, size = node.value
        count = self._overflow(number)
        if count * self.page_size - HEADER.size < size:
            raise DamagedPage(f"page {number}: {count} pages hold no {size} bytes")
        return self._file.read(number, HEADER.size + size)[HEADER.size :]

    def check_root(self, tree: Tree) -> None:
        """:raises DamagedPage: the root of the tree cannot be read."""
        if tree.root != NOWHERE:
            page = self._page(tree.root)
            if tree.depth > 1:
                self._children(tree, tree.root, page, b"")
            else:
                self._leaf(tree, tree.root, page)

    def free_pages(self) -> int:
        """How many pages are free for reuse, as far as that can be read."""
        count = 0
        for leaf in self.walk(self.free):
            if not isinstance(leaf, DamagedPage):
                nodes = [node for node in leaf if isinstance(node, Node)]
                count += sum(NUMBER.unpack_from(self.value(node))[0] for node in nodes)
        return count

    def _walk(
        self, tree: Tree, number: int, depth: int, start: bytes
    ) -> Iterator[Leaf | DamagedPage]:
        try:
            page = self._page(number)
            below = self._children(tree, number, page, start) if depth > 1 else []
            leaf = [] if below else self._leaf(tree, number, page)
        except DamagedPage as damage:
            yield damage
            return
        if leaf:
            yield leaf
        for child in below:
            yield from self._walk(tree, child, depth - 1, start)

    def _page(self, number: int) -> bytes:
        self._mark(number)
        page = self._file.read(number, self.page_size)
        found, _, _, lower, upper = HEADER.unpack_from(page)
        if found != number:
            raise DamagedPage(f"page {number}: it says that it is page {found}")
        if not HEADER.size <= lower <= upper <= self.page_size or lower % 2:
            raise DamagedPage(f"page {number}: its bounds make no sense")
        return page

    def _mark(self, number: int) -> None:
        """Note that the page is used. Each is used once, so every walk ends, also over damage."""
        if not 1 < number <= self.last:
            raise DamagedPage(f"page {number}: there is none of that number")
        if self.is_used(number):
            raise DamagedPage(f"page {number}: it is used twice")
        self._seen[number // 8] |= 1 << number % 8

    def is_used(self, number: int) -> bool:
        """Whether a walk has met it."""
        return bool(self._seen[number // 8] & 1 << number % 8)

    def _children(self, tree: Tree, number: int, page: bytes, start: bytes) -> list[int]:
        if flags_of(page) != BRANCH:
            raise DamagedPage(f"page {number}: it is no branch of a tree")
        children, keys = [], []
        for low, high, top, key, _ in nodes_of(number, page, is_leaf=False):
            children.append(low | high << 16 | top << 32)
            keys.append(key)
        if not children or not _are_sorted(keys[1:], tree is self.free):
            raise DamagedPage(f"page {number}: its keys are not in order")
        # The first key stands for all that are less than the second one.
        first = max(bisect_right(keys, start, lo=1) - 1, 0) if start else 0
        return children[first:]

    def _leaf(self, tree: Tree, number: int, page: bytes) -> Leaf:
        if flags_of(page) == LEAF | LEAF2:
            keys = packed_keys(number, page)
            if keys and len(keys[0]) != tree.key_size:
                raise DamagedPage(f"page {number}: its entries have a size of {len(keys[0])}")
            return keys
        if flags_of(page) != LEAF:
            raise DamagedPage(f"page {number}: it is no leaf of a tree")
        nodes = [
            Node(key, value_of(number, top, low | high << 16, data))
            for low, high, top, key, data in nodes_of(number, page, is_leaf=True)
        ]
        if not _are_sorted([node.key for node in nodes], tree is self.free):
            raise DamagedPage(f"page {number}: its keys are not in order")
        return nodes

    def _overflow(self, number: int) -> int:
        """How many pages the large value at page `number` consists of."""
        if not 1 < number <= self.last:
            raise DamagedPage(f"page {number}: there is none of that number")
        found, _, flags, count = OVERFLOW_HEADER.unpack(self._file.read(number, HEADER.size))
        if found != number or flags != OVERFLOW or number + count - 1 > self.last:
            raise DamagedPage(f"page {number}: it holds no large value")
        for each in range(number, number + count):
            self._mark(each)
        return count


def _are_sorted(keys: Sequence[bytes], are_numbers: bool) -> bool:
    # The keys of the tree of free pages are numbers, in the order of the machine.
    return are_growing([key[::-1] for key in keys] if are_numbers else keys)
