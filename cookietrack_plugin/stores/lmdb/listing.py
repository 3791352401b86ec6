"""The records of an LMDB store, some in a transaction: a long one makes the file grow."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.codec import decode
from cookietrack_plugin.stores.lmdb.index import record_key
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE, id_of, packed_authid
from cookietrack_plugin.stores.lmdb.layout import DamagedPage, Node
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.tables import Tables

_PAGE_RECORDS = 256
_PAGE_BYTES = 1_000_000
RECORDS = b"records"

# Where the walk is, the key of a record, and its bytes.
_Step = tuple[bytes, bytes, bytes]
# Some records, and the place of the last one, None at the end.
_Page = tuple[list[Cookie], bytes | None]


def page_of_all(
    tables: Tables, txn: Any, snapshot: Callable[[], Snapshot], start: bytes, limit: int
) -> _Page:
    """
    At most `limit` of all records from `start` on; the beginning is `b""`. LMDB itself crashes or
    loops on damaged pages: they are read without it, and skipped where they are lost.
    """
    return _page(readable_records(snapshot(), start), limit)


def page_of_user(tables: Tables, txn: Any, authid: str, start: bytes, limit: int) -> _Page:
    """At most `limit` of those that may be logged in as `authid`, from `start` on."""
    return _page(_of_user(tables, txn, authid, start, min(limit, _PAGE_RECORDS)), limit)


def readable_records(snapshot: Snapshot, start: bytes = b"") -> Iterator[_Step]:
    """:raises DamagedPage: there is nothing to be found at all."""
    for leaf in snapshot.walk(snapshot.databases()[RECORDS], start):
        nodes = () if isinstance(leaf, DamagedPage) else leaf
        for node in nodes:
            if isinstance(node, Node) and node.key >= start and len(node.key) == KEY_SIZE:
                try:
                    yield node.key, node.key, snapshot.value(node)
                except DamagedPage:
                    continue


def _of_user(tables: Tables, txn: Any, authid: str, start: bytes, limit: int) -> Iterator[_Step]:
    prefix = packed_authid(authid)
    end = prefix + b"\xff" * (KEY_SIZE + 1)
    for entry in tables.by_authid.range(txn, start or prefix, end, limit):
        key = record_key(entry)
        yield entry, key, txn.get(key, b"", tables.records)


def _page(steps: Iterator[_Step], limit: int) -> _Page:
    page: list[Cookie] = []
    size, limit = 0, min(limit, _PAGE_RECORDS)
    for count, (place, key, data) in enumerate(islice(steps, limit), start=1):
        record = decoded(key, data)
        if record is not None:
            page.append(record)
        size += len(data)
        if count == limit or size > _PAGE_BYTES:
            return page, place
    return page, None


def decoded(key: bytes, data: bytes) -> Cookie | None:
    """None where it cannot be decoded."""
    try:
        return decode(id_of(key), data)
    except ValueError:
        return None
