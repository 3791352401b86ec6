"""The `diskcache.Cache` that the cookies are in: how it is opened, and what its errors mean."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from diskcache import Cache, Timeout

from cookietrack_plugin.errors import CookieTrackError, StoreCorrupt, StoreFull, StoreUnavailable

FORMAT = 1
FORMAT_KEY = "#format"

SETTINGS = {
    # A cache may forget, and a store may not.
    "eviction_policy": "none",
    "cull_limit": 0,
    # FULL: a transaction that has returned survives a power cut.
    "sqlite_synchronous": 2,
    # Every value goes into the database: files beside it would not be part of its transactions.
    "disk_min_file_size": 2**31 - 1,
}


def open_database(path: str) -> Cache:
    """
    :raises StoreUnavailable: the folder cannot be made or written.
    :raises StoreCorrupt: it holds another cache, something else, or a newer format.
    """
    with translated_errors(path):
        os.makedirs(path, mode=0o700, exist_ok=True)
        database = Cache(path, **SETTINGS)
        _check_format(database, path)
    return database


def _check_format(database: Cache, path: str) -> None:
    with database.transact():
        if len(database) == 0:
            database.set(FORMAT_KEY, FORMAT)
        found = database.get(FORMAT_KEY)
    if found != FORMAT:
        database.close()
        raise StoreCorrupt(f"{path} holds no cookies of format {FORMAT}: found format {found!r}")


@contextmanager
def translated_errors(path: str) -> Iterator[None]:
    """What the driver raises within the block, in the terms of the plugin."""
    try:
        yield
    except (OSError, Timeout, sqlite3.Error) as error:
        raise _translated(error, path) from error


def _translated(error: Exception, path: str) -> CookieTrackError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no room for the cookies in {path}")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreCorrupt(f"the cookies in {path} cannot be read: {error}")
    return StoreUnavailable(f"the cookies in {path} are out of reach: {error!r}")
