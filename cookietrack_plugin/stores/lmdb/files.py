"""A directory becomes an LMDB environment of ours, or an error says why it does not."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lmdb

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.stores.lmdb.tables import Tables

DATA_FILE = "data.mdb"
# 2: with fences, which a version that does not know them would let logins pass.
FORMAT = 2
_FORMAT_KEY = b"cookietrack"
# One slot for each thread that reads, of all processes together; each takes 64 bytes on disk.
_MAX_READERS = 510
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

    :param again: this process had it open, so there is no need to wait for a writer in order to see
        whether the file is complete.
    :raises StoreCorrupt: what is there is not ours, damaged, or of a newer format.
    :raises StoreUnavailable: the directory cannot be used.
    """
    with telling_of(path):
        env = lmdb.open(
            path,
            map_size=map_size,
            mode=0o700,
            max_dbs=8,
            max_readers=_MAX_READERS,
            max_spare_txns=1,
            sync=sync,
            metasync=sync,
        )
        try:
            if not again:
                _check_length(env, path)
            return env, _open_tables(env, path)
        except BaseException:
            env.close()
            raise


def _open_tables(env: Any, path: str) -> Tables:
    with env.begin() as txn:
        _check_format(txn, path)
    # One transaction: a process that comes at the same moment finds all of it or nothing.
    with env.begin(write=True) as txn:
        _check_format(txn, path)
        mark = str(FORMAT).encode()
        if txn.get(_FORMAT_KEY) != mark:
            txn.put(_FORMAT_KEY, mark)
        return Tables(env, txn)


def _check_length(env: Any, path: str) -> None:
    # LMDB does not look, and who reads behind the end of a mapped file is killed.
    with open(os.path.join(path, DATA_FILE), "rb") as data:
        # A writer makes the file complete before it gives this lock to the next one.
        fcntl.flock(data, fcntl.LOCK_SH)
        missing = used_bytes(env) - os.fstat(data.fileno()).st_size
    if missing > 0:
        raise StoreCorrupt(
            f"{path} lacks the last {missing} bytes of its {DATA_FILE}, as an incomplete copy does:"
            " replace it by a complete one, or move it away"
        )


def used_bytes(env: Any) -> int:
    """Up to where the file has pages that are or were in use."""
    pages: int = env.info()["last_pgno"] + 1
    return pages * int(env.stat()["psize"])


def _check_format(txn: Any, path: str) -> None:
    mark = txn.get(_FORMAT_KEY)
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
def telling_of(path: str) -> Iterator[None]:
    """Errors of the system and of LMDB become ours, with the path and what to do."""
    try:
        yield
    except _UNREADABLE as error:
        raise StoreCorrupt(
            f"{path} holds no LMDB environment that can be read ({error}):"
            ' move it away, or choose another "path"'
        ) from error
    except lmdb.Error as error:
        raise StoreUnavailable(f"{path} cannot be opened: {error}") from error
    except OSError as error:
        if os.path.lexists(path) and not os.path.isdir(path):
            raise StoreCorrupt(
                f'{path} is no directory, and an lmdb store is one: choose another "path"'
            ) from error
        raise StoreUnavailable(f"{path} cannot be used as a directory: {error.strerror}") from error
