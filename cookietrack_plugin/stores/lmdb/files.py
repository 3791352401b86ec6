"""Opening a directory as an LMDB environment of ours; the errors say why it cannot be one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep
from typing import Any

import lmdb

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.kit.permissions import denied, unusable
from cookietrack_plugin.stores.lmdb.creation import was_never_used
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, FORMAT_KEY, MAX_READERS
from cookietrack_plugin.stores.lmdb.soundness import check_beginning
from cookietrack_plugin.stores.lmdb.tables import Tables

PAGES_OF_META = 2
# 2: with fences. A version that does not know them would store logins that they refuse.
FORMAT = 2
# A running node reads its feed once a second.
_PATIENCE_S = 3.0
_UNREADABLE = (
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.IncompatibleError,
    lmdb.InvalidParameterError,
)


def open_environment(
    path: str, map_size: int, sync: bool, again: bool = False
) -> tuple[Any, Tables]:
    """
    Open the environment in the directory `path`, creating what is missing.

    :param again: this process had it open: do not wait for a writer to see whether the file is
        complete.
    :raises StoreCorrupt: what is there is not ours, damaged, or of a newer format.
    :raises StoreUnavailable: the directory cannot be used.
    """
    with telling_of(path):
        if again:
            check_used(path)
        else:
            check_beginning(path)
        env = _open_patiently(path, map_size, sync)
        try:
            return env, _open_tables(env, path)
        except BaseException:
            env.close()
            raise


def check_used(path: str) -> None:
    """
    Check that a file that was in use is not empty: LMDB would make a new, empty store of it.

    :raises StoreUnavailable: it is.
    """
    if was_never_used(path):
        raise emptied(path)


def emptied(path: str) -> StoreUnavailable:
    """The error for a data file that was emptied while it was in use."""
    return StoreUnavailable(
        f"{path}/{DATA_FILE} was emptied while it was open: stop every process that uses the"
        " store, and replace it by a complete copy"
    )


def _open_patiently(path: str, map_size: int, sync: bool) -> Any:
    # Opening takes a slot in the reader table. Processes that have it open and read clear the slots
    # of those that were killed.
    end = monotonic() + _PATIENCE_S
    while True:
        try:
            return _open(path, map_size, sync)
        except lmdb.ReadersFullError:
            if monotonic() > end:
                raise
            sleep(_PATIENCE_S / 100)


def _open(path: str, map_size: int, sync: bool) -> Any:
    return lmdb.open(
        path,
        map_size=map_size,
        mode=0o700,
        max_dbs=8,
        max_readers=MAX_READERS,
        max_spare_txns=1,
        sync=sync,
        metasync=sync,
    )


def _open_tables(env: Any, path: str) -> Tables:
    with env.begin() as txn:
        _check_format(txn, path)
    # One transaction: a process that comes at the same moment finds all of it or nothing.
    with env.begin(write=True) as txn:
        _check_format(txn, path)
        mark = str(FORMAT).encode()
        tables, before = Tables(env, txn), txn.get(FORMAT_KEY)
        if before is None:
            tables.log.begin(txn)
        if before != mark:
            txn.put(FORMAT_KEY, mark)
        return tables


def _check_format(txn: Any, path: str) -> None:
    mark = txn.get(FORMAT_KEY)
    if mark is None and txn.stat()["entries"]:
        raise StoreCorrupt(
            f"{path} holds an LMDB environment of something else, such as Crossbar's own"
            ' `database` store: choose another "path"'
        )
    if mark is not None and int(mark) > FORMAT:
        raise StoreCorrupt(
            f"{path} holds a cookie store of format {int(mark)}, and this version reads up to"
            f" {FORMAT}: upgrade cookietrack-plugin"
        )


@contextmanager
def opening_again() -> Iterator[None]:
    """Of a store that was open: its place is not wrong, as a read-only disk looks, but away."""
    try:
        yield
    except ConfigError as error:
        raise StoreUnavailable(str(error)) from error


@contextmanager
def telling_of(path: str) -> Iterator[None]:
    """Translate errors of the system and of LMDB, with the path and what to do."""
    try:
        yield
    except _UNREADABLE as error:
        raise StoreCorrupt(
            f"{path} holds no LMDB environment that can be read ({error}):"
            ' move it away, or choose another "path"'
        ) from error
    except lmdb.Error as error:
        if reason := denied(path):
            raise ConfigError(reason) from error
        raise StoreUnavailable(f"{path} cannot be opened: {error}") from error
    except OSError as error:
        if os.path.lexists(path) and not os.path.isdir(path):
            raise StoreCorrupt(
                f'{path} is no directory, and an lmdb store is one: choose another "path"'
            ) from error
        raise unusable(path, error) from error
