"""
What is damaged in an LMDB store, found and removed a page in a transaction at a time.

A record and the index entries that lead to it are compared within one transaction, so that changes
by running workers are no damage.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.lmdb.index import Index, record_key
from cookietrack_plugin.stores.lmdb.keys import id_of
from cookietrack_plugin.stores.lmdb.listing import decoded
from cookietrack_plugin.stores.lmdb.tables import Tables

_PAGE = 256
_END = b"\xff" * 64

# What is damaged on a page, and where the next page begins: None at the end.
Page = tuple[list[str], bytes | None]
# Called with the tables, a transaction, where the page begins, and whether to remove the damage.
Examine = Callable[[Tables, Any, bytes, bool], Page]


def examine_records(tables: Tables, txn: Any, start: bytes, mend: bool) -> Page:
    """Records that cannot be decoded, or that an index does not lead to."""
    found = []
    page = list(islice(_records(tables, txn, start), _PAGE))
    for key, data in page:
        cookie = decoded(key, data)
        if cookie is None:
            found.append(f"record {id_of(key)} cannot be decoded")
            if mend:
                txn.delete(key, db=tables.records)
                tables.note(txn, [key])
        else:
            found += _examine_entries(tables, txn, key, cookie, mend)
    return found, page[-1][0] + b"\0" if page else None


def examine_index(name: str, tables: Tables, txn: Any, start: bytes, mend: bool) -> Page:
    """Entries of the index of that name that lead to no record, or to one that is not theirs."""
    index = _indexes(tables)[name]
    page = index.range(txn, start or b"\0", _END, _PAGE)
    stray = [entry for entry in page if _is_stray(tables, txn, index, entry)]
    if mend:
        index.remove(txn, stray)
    ids = (id_of(record_key(entry)) for entry in stray)
    found = [f"the index of {name} has an entry for {id} that does not fit" for id in ids]
    return found, page[-1] + b"\0" if page else None


# Records first: a damaged one leaves its entries behind.
EXAMINATIONS: dict[str, Examine] = {
    "the records": examine_records,
    "the index of logins": partial(examine_index, "logins"),
    "the index of expiry": partial(examine_index, "expiry"),
}


def _indexes(tables: Tables) -> dict[str, Index]:
    return {"logins": tables.by_authid, "expiry": tables.by_expiry}


def _records(tables: Tables, txn: Any, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    with txn.cursor(tables.records) as cursor:
        if cursor.set_range(start):
            yield from cursor


def _examine_entries(
    tables: Tables, txn: Any, key: bytes, cookie: Cookie, mend: bool
) -> Iterator[str]:
    for name, index in _indexes(tables).items():
        for entry in index.entries([(key, cookie)]):
            if not index.has(txn, entry):
                yield f"record {cookie.id} is missing in the index of {name}"
                if mend:
                    index.update(txn, [], [(key, cookie)])


def _is_stray(tables: Tables, txn: Any, index: Index, entry: bytes) -> bool:
    key = record_key(entry)
    data = txn.get(key, None, tables.records)
    if data is None:
        return True
    cookie = decoded(key, data)
    # The entry of a record that cannot be decoded is reported with the record.
    return cookie is not None and entry not in index.entries([(key, cookie)])
