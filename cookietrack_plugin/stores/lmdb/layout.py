"""The layout of the pages of an LMDB file: that of LMDB 0.9 on a 64-bit machine (mdb.c)."""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from struct import Struct
from struct import error as StructError

from attrs import frozen

HEADER = Struct("=QHHHH")  # page number, size of a key (LEAF2), flags, lower, upper
OVERFLOW_HEADER = Struct("=QHHI")  # the same, and how many pages
_META = Struct("=IIQQ48s48sQQ")  # magic, version, address, map size, two trees, last page, txnid
_TREE = Struct("=IHHQQQQQ")  # key size, flags, depth, pages: branch, leaf, overflow; entries, root
_NODE = Struct("=HHHH")  # low and high half of a size, flags, size of the key
NUMBER = Struct("=Q")
_MAGIC, _VERSION = 0xBEEFC0DE, 1
BRANCH, LEAF, OVERFLOW, _META_PAGE, LEAF2, _SUBPAGE = 1, 2, 4, 8, 0x20, 0x40
_IS_BIG, _IS_TREE, _HAS_DUPLICATES = 1, 2, 4
NOWHERE = 2**64 - 1


class DamagedPage(Exception):
    """A page that cannot be what it is used for, with its number."""


class UnreadablePage(DamagedPage):
    """A page that the disk cannot read: a lost sector, or a fault that may pass."""


@frozen
class Tree:
    """
    The root of a database, or of the values of a key that has many (`is_of_key`): such a tree has
    nothing but keys of that size.
    """

    key_size: int
    depth: int
    entries: int
    root: int
    is_of_key: bool = False


@frozen
class Node:
    """
    A key of a leaf, with its value: bytes, or the place of more than fits in a page (its page and
    size), or a tree of its own, or the sorted values of the key.
    """

    key: bytes
    value: "bytes | tuple[int, int] | Tree | list[bytes]"


# A leaf page: its nodes, or no more than keys.
Leaf = Sequence[Node] | Sequence[bytes]


class PageFile:
    """The pages of the file `descriptor`."""

    def __init__(self, descriptor: int) -> None:
        self._file = descriptor
        # LMDB takes that of the machine for a new file.
        self.page_size = os.sysconf("SC_PAGESIZE")

    def meta(self, number: int) -> tuple[int, int, bytes, bytes] | None:
        """
        The number of its commit, the last page, and two trees; None where it is none.

        :raises UnreadablePage: it may be the latest.
        """
        try:
            page = self.read(number, self.page_size)
        except UnreadablePage:
            raise
        except DamagedPage:
            return None
        magic, version, _, _, free, main, last, txnid = _META.unpack_from(page, HEADER.size)
        if not flags_of(page) & _META_PAGE or magic != _MAGIC or version != _VERSION:
            return None
        if tree_of(free).key_size != self.page_size:
            return None
        return txnid, last, free, main

    def read(self, number: int, size: int) -> bytes:
        """
        :raises UnreadablePage: the disk cannot read it, twice in a row.
        :raises DamagedPage: it is not there.
        """
        offset = number * self.page_size
        try:
            data = self._read(size, offset)
        except OSError as error:
            raise UnreadablePage(f"page {number}: {error.strerror}") from error
        if len(data) < size:
            raise DamagedPage(f"page {number}: the file ends before it")
        return data

    def _read(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self._file, size, offset)
        except OSError:
            # What is read around a page must not lack it for a fault that is over.
            return os.pread(self._file, size, offset)


def is_unused(data: bytes) -> bool:
    """Whether nothing was ever stored in a file whose page is `data`: zeros, or the first state."""
    if not data.strip(b"\0"):
        return True
    try:
        magic, version, *_, last, txnid = _META.unpack_from(data, HEADER.size)
    except StructError:
        return False
    return (magic, version, last, txnid) == (_MAGIC, _VERSION, 1, 0)


def tree_of(data: bytes, is_of_key: bool = False) -> Tree:
    key_size, _, depth, _, _, _, entries, root = _TREE.unpack(data)
    return Tree(key_size, depth, entries, root, is_of_key)


def flags_of(page: bytes) -> int:
    flags: int = HEADER.unpack_from(page)[2]
    return flags


def nodes_of(
    number: int, page: bytes, is_leaf: bool
) -> Iterator[tuple[int, int, int, bytes, bytes]]:
    """For each node the two halves and the flags of its head, its key, and what is behind that."""
    *_, lower, upper = HEADER.unpack_from(page)
    for place in Struct(f"={(lower - HEADER.size) // 2}H").unpack_from(page, HEADER.size):
        if not upper <= place <= len(page) - _NODE.size:
            raise DamagedPage(f"page {number}: a node lies outside of it")
        low, high, top, key_size = _NODE.unpack_from(page, place)
        start = place + _NODE.size + key_size
        size = 0 if not is_leaf else NUMBER.size if top & _IS_BIG else low | high << 16
        if start + size > len(page):
            raise DamagedPage(f"page {number}: a node ends outside of it")
        yield low, high, top, page[start - key_size : start], page[start : start + size]


def value_of(
    number: int, flags: int, size: int, data: bytes
) -> bytes | tuple[int, int] | Tree | list[bytes]:
    if flags & _IS_BIG:
        return NUMBER.unpack(data)[0], size
    if flags & _IS_TREE:
        if len(data) != _TREE.size:
            raise DamagedPage(f"page {number}: a tree has no beginning")
        return tree_of(data, bool(flags & _HAS_DUPLICATES))
    if flags & _HAS_DUPLICATES:
        if len(data) < HEADER.size or not flags_of(data) & _SUBPAGE:
            raise DamagedPage(f"page {number}: a key has no values")
        return list(packed_keys(number, data))
    return data


def packed_keys(number: int, page: bytes) -> list[bytes]:
    _, size, _, lower, _ = HEADER.unpack_from(page)
    end = HEADER.size + (lower - HEADER.size) // 2 * size
    if lower < HEADER.size or not 0 < size <= len(page) or end > len(page):
        raise DamagedPage(f"page {number}: its entries lie outside of it")
    keys = [page[start : start + size] for start in range(HEADER.size, end, size)]
    if not are_growing(keys):
        raise DamagedPage(f"page {number}: its entries are not in order")
    return keys


def are_growing(keys: Sequence[bytes]) -> bool:
    return all(before < after for before, after in pairwise(keys))
