"""Whether a directory is a database of zLMDB's, by its first page."""

import os
from struct import Struct

_MAGIC = Struct("=I").pack(0xBEEFC0DE)
# The size of a page's head in LMDB 0.9, which older releases of zLMDB bundle, and in LMDB 1.0.
_OLD_HEAD_BYTES, _HEAD_BYTES = 16, 24
# Of the first meta page of LMDB 0.9: the root of the tree in which databases have names.
_MAIN_ROOT = Struct("=128xQ")


def is_zlmdb(path: str) -> bool:
    """
    Whether LMDB has written what is at `path`, and its databases have no names: zLMDB keeps all
    tables in one.
    """
    file = os.path.join(path, "data.mdb")
    if not os.path.isfile(file):
        return False
    page_size = os.sysconf("SC_PAGESIZE")
    with open(file, "rb") as data:
        head = data.read(page_size)
        if head[_HEAD_BYTES:].startswith(_MAGIC):
            return True
        if not head[_OLD_HEAD_BYTES:].startswith(_MAGIC) or len(head) < page_size:
            return False
        (root,) = _MAIN_ROOT.unpack_from(head)
        data.seek(root * page_size if root < 2**32 else 0)
        return b"by_authid" not in data.read(page_size)
