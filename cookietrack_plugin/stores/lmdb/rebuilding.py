"""Replaces a damaged environment by a new one with what can be read of it."""

import os
import shutil
from collections.abc import Iterator
from itertools import islice
from tempfile import mkdtemp

from cookietrack_plugin.record import Cookie, Create
from cookietrack_plugin.stores.kit.files import flush_directory
from cookietrack_plugin.stores.lmdb.batch import New, new_record
from cookietrack_plugin.stores.lmdb.creation import make_files
from cookietrack_plugin.stores.lmdb.environment import Environment
from cookietrack_plugin.stores.lmdb.listing import decoded, readable_records
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, LOCK_FILE
from cookietrack_plugin.stores.lmdb.tables import Tables

_BATCH = 500
_NO_LIMIT = 2**46


def rebuild(path: str) -> None:
    """
    Rebuild the environment at `path`, which nobody has open. What cannot be read is lost. Nothing
    that was deleted comes back, as only what the tree of records leads to is copied. Revocations
    and fences are not copied: as after `Tables.clear`, no login that began before applies, and all
    that workers know is stale.

    :raises DamagedPage, OSError, StoreFull: it cannot be done; the files are as they were.
    """
    draft = mkdtemp(dir=path, prefix="rebuilt-")
    try:
        make_files(draft)
        _fill(draft, path)
        # The lock file refers to commits that the new file does not have.
        os.unlink(os.path.join(path, LOCK_FILE))
        os.replace(os.path.join(draft, DATA_FILE), os.path.join(path, DATA_FILE))
    finally:
        shutil.rmtree(draft)
    flush_directory(path)


def _fill(draft: str, path: str) -> None:
    descriptor = os.open(os.path.join(path, DATA_FILE), os.O_RDONLY)
    try:
        environment = Environment(draft, _NO_LIMIT, True)
        try:
            new = _new(Snapshot(descriptor))
            while batch := list(islice(new, _BATCH)):
                environment.write(_NO_LIMIT, False, Tables.create, batch)
        finally:
            environment.close()
    finally:
        os.close(descriptor)


def _new(snapshot: Snapshot) -> Iterator[New]:
    for _, key, data in readable_records(snapshot):
        if isinstance(cookie := decoded(key, data), Cookie):
            yield new_record(Create(cookie))
