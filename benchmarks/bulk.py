"""Stores with many records, made below their interface, which would take minutes for it."""

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import evolve

from benchmarks import stored
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.file import encoding as file_record
from cookietrack_plugin.stores.file.encoding import to_key
from cookietrack_plugin.stores.file.lines import write_batch, write_header
from cookietrack_plugin.stores.kit.codec import encode
from cookietrack_plugin.stores.lmdb.files import open_environment
from cookietrack_plugin.stores.lmdb.index import THE_KEY
from cookietrack_plugin.stores.lmdb.keys import KEY_SIZE, id_of, packed_time

BATCH = 250_000


def fill_lmdb(place: Path, map_size: int, count: int, tell: Callable[[str], None]) -> None:
    """
    Make a store in the directory `place`, with the ids of `count` anonymous cookies. They differ in
    nothing else, and are appended in the order of their keys.
    """
    place.mkdir(parents=True)
    cookie = stored.anonymous(0)
    expires = packed_time(cookie.expires)
    env, tables = open_environment(str(place), map_size, sync=False)
    with env:
        for batch in _batches(count, tell):
            with env.begin(write=True) as txn:
                _append(txn, tables.records, ((key, _data(cookie, key)) for key in batch))
                _append(txn, tables.by_expiry.db, ((THE_KEY, expires + key) for key in batch))


def _data(cookie: Cookie, key: bytes) -> bytes:
    # The checksum covers the id.
    return encode(evolve(cookie, id=id_of(key)))


def _append(txn: Any, db: Any, entries: Iterable[tuple[bytes, bytes]]) -> None:
    with txn.cursor(db) as cursor:
        cursor.putmulti(entries, append=True)


def _batches(count: int, tell: Callable[[str], None]) -> Iterator[list[bytes]]:
    tell(f"making {count:,} keys")
    # What `header.id_of` makes readable.
    keys = sorted(sha256(str(n).encode()).digest()[:KEY_SIZE] for n in range(count))
    for start in range(0, count, BATCH):
        tell(f"filled {start:,} of {count:,}")
        yield keys[start : start + BATCH]


def write_file(path: Path, batches: Iterable[bytes]) -> None:
    """Make the file of a `file` store that has committed these batches, one after the other."""
    with path.open("wb") as file:
        file.write(write_header())
        file.writelines(batches)


def file_batch(records: Iterable[Cookie], number: int = 1) -> bytes:
    """
    What a `file` store appends when these records are new, or have become what they are now.

    :param number: of the batch. They do not shrink within a file.
    """
    by_id = sorted(records, key=lambda cookie: cookie.id)
    return write_batch(
        [(to_key(cookie.id), file_record.encode(cookie)) for cookie in by_id], number
    )
