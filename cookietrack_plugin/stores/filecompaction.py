"""Writing the `file` store's file anew, without what is no longer true, while commits go on."""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock, Thread

from cookietrack_plugin.stores.filedisk import AppendFile
from cookietrack_plugin.stores.fileexpiry import ExpiryQueue
from cookietrack_plugin.stores.filelog import GONE, State, write_header, write_lines
from cookietrack_plugin.stores.filerecord import expires_of
from cookietrack_plugin.stores.filetable import FileTable

# Behind the file's name: one that is being written, and was of no use if it is found later.
DRAFT = ".compacting"
# Records that may be left to copy while commits wait.
_FEW = 64
_ROUNDS = 20


class Stopped(Exception):
    """The store is being closed."""


class Draft:
    """A new file with the records of a table, and their order of expiry. Not at its place yet."""

    def __init__(self, path: str, table: FileTable) -> None:
        self._path = path
        self._table = table
        self.queue: ExpiryQueue = table.new_queue()
        self.file = AppendFile.create(path + DRAFT, _stat(path))
        self.file.append(write_header())

    def add(self, states: Sequence[State]) -> None:
        self.file.append(write_lines(states))
        for key, text in states:
            if text != GONE:
                self.queue.add(key, expires_of(text))

    def publish(self) -> None:
        """Put the file into its place, durably."""
        self.file.flush()
        self.file.move(self._path)


class Compaction(Thread):
    """
    One rewriting of the file, in a thread of its own.

    The table is copied as it is at any moment; what was committed meanwhile is copied again, in
    rounds, until so little is left that commits can wait for it.

    :param commits: is held during a commit.
    :param done: is called with the new file and order of expiry, or with the error; `commits` held.
    """

    def __init__(
        self,
        path: str,
        table: FileTable,
        commits: Lock,
        done: Callable[[Draft | Exception], None],
    ) -> None:
        super().__init__(name="cookietrack-compaction", daemon=True)
        self._path = path
        self._table = table
        self._commits = commits
        self._done = done
        self._stopping = Event()
        self._altered: set[bytes] = set()
        self._is_over = False

    def note(self, states: Iterable[State]) -> None:
        """Copy the records once more: they were committed. With `commits` held."""
        if not self._is_over:
            self._altered.update(key for key, _ in states)

    def stop(self) -> None:
        """Leave everything as it is, and wait until the thread has ended."""
        self._stopping.set()
        self.join()

    @property
    def is_over(self) -> bool:
        return self._is_over

    def run(self) -> None:
        try:
            draft = self._new_draft()
        except OSError as error:
            self._end(error)
            return
        try:
            self._copy(draft)
            self._publish(draft)
        except Exception as error:  # noqa: BLE001 - `done` is told
            draft.file.discard()
            self._end(error)

    def _new_draft(self) -> Draft:
        disk = os.statvfs(os.path.dirname(self._path))
        # Half of the room stays for the commits.
        if disk.f_bavail * disk.f_frsize < 2 * self._table.live:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return Draft(self._path, self._table)

    def _copy(self, draft: Draft) -> None:
        for states in self._table.walk():
            self._add(draft, states)
        for _ in range(_ROUNDS):
            draft.file.flush()
            with self._commits:
                if len(self._altered) <= _FEW:
                    return
                keys, self._altered = self._altered, set()
            for states in self._table.pick(keys):
                self._add(draft, states)

    def _add(self, draft: Draft, states: Sequence[State]) -> None:
        if self._stopping.is_set():
            raise Stopped
        draft.add(states)

    def _publish(self, draft: Draft) -> None:
        with self._commits:
            for states in self._table.pick(self._altered):
                self._add(draft, states)
            draft.publish()
            self._is_over = True
            self._done(draft)

    def _end(self, error: Exception) -> None:
        with self._commits:
            self._is_over = True
            self._done(error)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
