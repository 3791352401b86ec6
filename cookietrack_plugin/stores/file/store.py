"""Cookies in a text file that is only appended to, and in memory for as long as it is open."""

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from logging import getLogger
from threading import Lock
from time import monotonic
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import CookieTrackError, StoreFull, StoreUnavailable
from cookietrack_plugin.interfaces import (
    ICookieStore,
    ICookieStoreProvider,
    INonBlockingCommit,
    IReadOnlyProvider,
    IVerifiable,
)
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.file import query
from cookietrack_plugin.stores.file.appender import Appender
from cookietrack_plugin.stores.file.batch import Batch, prepare, removal
from cookietrack_plugin.stores.file.compaction import Compaction, Stopped
from cookietrack_plugin.stores.file.draft import Draft
from cookietrack_plugin.stores.file.encoding import decode, to_id, to_key
from cookietrack_plugin.stores.file.loader import Opened, check_place, open_file
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.snapshot import FileSnapshot
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored
from cookietrack_plugin.stores.kit.options import check_options, wrong_option

_log = getLogger(__name__)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Seconds until a compaction that failed is tried again: twice as many each time, up to the last.
_RETRY, _PATIENCE = 1.0, 300.0


@implementer(ICookieStoreProvider, IReadOnlyProvider)
class FileProvider:
    """
    `{"type": "file", "filename": "cookies.dat"}`, relative to the node's directory.

    With `purge_on_startup`, as with Crossbar's own store, what has expired is removed from the file
    when it is opened. `writer_process`: false to write on a thread of the worker, and not in a
    process of its own. That saves some 10 MB of memory, and a busy worker is slower.
    """

    summary = "in a text file, for one worker; takes over the files that Crossbar wrote"
    volatile = False
    exclusive = True
    place = "filename"
    opens = ICookieStore

    def check(self, options: Mapping[str, Any]) -> None:
        optional = {"purge_on_startup": bool, "writer_process": bool}
        check_options(options, required={"filename": str}, optional=optional)
        if "\0" in options["filename"]:
            raise wrong_option("filename", options["filename"], "a path without a NUL character")

    def open(self, options: Mapping[str, Any], node_dir: str) -> "FileStore":
        path = _path(options, node_dir)
        with _telling_of(path):
            lock = FileLock(f"{path}.lock", path)
            try:
                opened = open_file(path, purge=options.get("purge_on_startup", False))
            except BaseException:
                lock.release()
                raise
        return FileStore(path, lock, opened, apart=options.get("writer_process", True))

    def open_readonly(self, options: Mapping[str, Any], node_dir: str) -> ICookieStore:
        path = _path(options, node_dir)
        with _telling_of(path):
            # Only to learn who has it: a node that starts now must not find it locked by us. A file
            # of Crossbar's has no lock beside it, and is left without one.
            if os.path.exists(f"{path}.lock"):
                FileLock(f"{path}.lock", path).release()
            return FileSnapshot(path)


def _path(options: Mapping[str, Any], node_dir: str) -> str:
    # The lock and the new file belong beside the file, wherever a link to it may lie.
    return os.path.realpath(os.path.join(node_dir, options["filename"]))


@contextmanager
def _telling_of(path: str) -> Iterator[None]:
    """Errors of the system become ours."""
    try:
        check_place(path)
        yield
    except OSError as error:
        raise StoreUnavailable(f"the cookie file {path}: {error.strerror}") from error


@implementer(ICookieStore, INonBlockingCommit, IVerifiable)
class FileStore:
    """A `FileTable`, and a file of which it can be made again."""

    reads_block = False
    commits_block = True
    # Bytes. A smaller file is not worth a compaction, however little of it is alive.
    compacts_from = 1_000_000

    def __init__(self, path: str, lock: FileLock, opened: Opened, apart: bool = True) -> None:
        self._path = path
        self._lock = lock
        self._appender = Appender(lock) if apart else None
        # What it is appending.
        self._begun = Batch(())
        self._file = opened.file
        self._table = opened.table
        self._found = {"damaged": opened.damaged, "torn": opened.torn}
        # Held during a commit, and when a compaction puts its file into the place of ours.
        self._commits = Lock()
        self._compaction: Compaction | None = None
        self._compactions = 0
        self._failures = 0
        self._retry_at = 0.0
        self._is_closed = False
        self._compact_if_worth()

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._check_open()
        return query.load(self._table, ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        with self._commits:
            self._check_open()
            batch = self._prepare(changes)
            self._append(batch)
            self._keep_up()
            return batch.applied

    def begin(self, changes: Sequence[Change]) -> bool:
        # Until it is finished this is held, as during any other commit.
        if self._appender is None or not self._commits.acquire(blocking=False):
            return False
        begun = False
        try:
            begun = self._begins(self._appender, changes)
        finally:
            if not begun:
                self._commits.release()
        return begun

    def fileno(self) -> int:
        assert self._appender
        return self._appender.fileno()

    def finish(self) -> Sequence[bool] | None:
        assert self._appender
        over = True
        try:
            over = self._appender.finish(self._file)
            if over:
                self._appended(self._begun)
        except OSError as error:
            raise self._fault(error) from error
        finally:
            if over:
                self._commits.release()
        return self._begun.applied if over else None

    def expire(self, now: int, limit: int) -> int:
        with self._commits:
            self._check_open()
            keys = self._table.due(now, limit)
            try:
                self._append(removal(keys))
            except BaseException:
                self._table.put_off(keys)
                raise
            return len(keys)

    def scan(self, authid: str | None = None, authrealm: str | None = None) -> Iterator[Cookie]:
        for cookie in query.scan(self._table, authid, authrealm):
            self._check_open()
            yield cookie

    def stat(self) -> Mapping[str, Any]:
        self._check_open()
        return {
            "cookies": self._table.count,
            "bytes": self._file.size,
            "live_bytes": self._table.live,
            "compactions": self._compactions,
            **self._found,
        }

    def damaged(self) -> Iterator[str]:
        # Lines that could not be read have been put aside when the file was opened.
        for key in query.undecodable(self._table):
            yield f"record {to_id(key)} cannot be decoded"

    def repair(self) -> int:
        with self._commits:
            self._check_open()
            keys = list(query.undecodable(self._table))
            self._append(removal(keys))
            self._found["damaged"] += len(keys)
            return sum(self._found.values())

    def close(self) -> None:
        with self._commits:
            self._is_closed = True
        if self._compaction is not None:
            self._compaction.stop()
        if self._appender is not None:
            self._appender.end()
        self._file.close()
        self._lock.release()

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"the cookie file {self._path} is closed")

    def _prepare(self, changes: Sequence[Change]) -> Batch:
        return prepare(changes, self._records({change.id for change in changes}))

    def _records(self, ids: set[str]) -> dict[str, Stored]:
        keys = [to_key(id) for id in ids]
        found = [(key, self._table.get(key)) for key in keys]
        return {to_id(key): decode(key, text) or DAMAGED for key, text in found if text is not None}

    def _append(self, batch: Batch) -> None:
        if not batch.states:
            return
        if not self._file.is_trusted:
            self._compact()
            raise StoreUnavailable(f"the cookie file {self._path} is written anew after a fault")
        try:
            self._file.append(batch.lines())
            self._file.flush()
        except OSError as error:
            raise self._fault(error) from error
        self._appended(batch)

    def _begins(self, appender: Appender, changes: Sequence[Change]) -> bool:
        self._check_open()
        self._begun = batch = self._prepare(changes)
        return (
            bool(batch.states)
            and self._file.is_trusted
            and appender.begin(self._file, batch.lines())
        )

    def _keep_up(self) -> None:
        if self._appender is not None:
            try:
                self._appender.keep_up(self._file)
            except OSError as error:
                _log.warning("no process can be started to write %s: %s", self._path, error)

    def _appended(self, batch: Batch) -> None:
        self._table.commit(batch.states)
        if self._compaction is not None:
            self._compaction.note(batch.states)
        self._compact_if_worth()

    def _fault(self, error: OSError) -> CookieTrackError:
        cause = f"the cookie file {self._path} cannot be written: {error.strerror}"
        if not self._file.is_trusted:
            self._compact()
        elif error.errno in _NO_ROOM:
            return StoreFull(cause)
        return StoreUnavailable(cause)

    def _compact_if_worth(self) -> None:
        if self._file.size > max(self.compacts_from, 2 * self._table.live):
            self._compact()

    def _compact(self) -> None:
        """Begin a compaction, unless one is under way or the last has just failed."""
        if monotonic() < self._retry_at or not (
            self._compaction is None or self._compaction.is_over
        ):
            return
        self._compaction = Compaction(
            self._path,
            self._table,
            self._commits,
            self._compacted,
            is_urgent=not self._file.is_trusted,
        )
        self._compaction.start()

    def _compacted(self, result: Draft | Exception) -> Callable[[], None] | None:
        """The end of a compaction, in its thread; no commit is going on."""
        if isinstance(result, Draft):
            return self._replace(result)
        if not isinstance(result, Stopped):
            self._try_later(result)
        return None

    def _replace(self, draft: Draft) -> Callable[[], None]:
        """Go on with a new file. Gives what closes the old one: a large one takes a while."""
        _log.info("%s: compacted to %d bytes", self._path, draft.file.size)
        if self._appender is not None:
            # It has the old one.
            self._appender.end()
        old, self._file = self._file, draft.file
        self._table.use_queue(draft.queue)
        self._compactions += 1
        self._failures = 0
        return old.close

    def _try_later(self, error: Exception) -> None:
        delay = min(_RETRY * 2**self._failures, _PATIENCE)
        self._failures += 1
        self._retry_at = monotonic() + delay
        _log.warning("%s cannot be compacted now, next try in %d s: %r", self._path, delay, error)
