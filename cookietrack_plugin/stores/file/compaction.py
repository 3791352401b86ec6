"""Writing the `file` store's file anew, without what is no longer true, while commits go on."""

import errno
import os
from collections.abc import Callable, Iterable, Sequence
from threading import Event, Lock, Thread

from cookietrack_plugin.stores.file.draft import Draft
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.table import FileTable

# Records that may be left to copy while commits wait.
_FEW = 64
_ROUNDS = 20


class Stopped(Exception):
    """The store is being closed."""


class Compaction(Thread):
    """
    One rewriting of the file, in a thread of its own.

    The table is copied as it is at any moment; what was committed meanwhile is copied again, in
    rounds, until so little is left that commits can wait for it.

    `is_over`: the thread does nothing more.

    :param commits: is held during a commit.
    :param done: is called with the new file and order of expiry, or with the error; `commits` held.
        What it returns, if anything, is called when they are not held any more.
    :param is_urgent: commits are not possible before it is done, so it leaves no room to them.
    """

    def __init__(
        self,
        path: str,
        table: FileTable,
        commits: Lock,
        done: Callable[[Draft | Exception], Callable[[], None] | None],
        is_urgent: bool,
    ) -> None:
        super().__init__(name="cookietrack-compaction", daemon=True)
        self._path = path
        self._table = table
        self._commits = commits
        self._done = done
        self._is_urgent = is_urgent
        self._stopping = Event()
        self._altered: set[bytes] = set()
        self.is_over = False

    def note(self, states: Iterable[State]) -> None:
        """Copy the records once more: they were committed. With `commits` held."""
        if not self.is_over:
            self._altered.update(key for key, _ in states)

    def stop(self) -> None:
        """Leave everything as it is, and wait until the thread has ended."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        try:
            if not self._is_urgent:
                self._check_room()
            with Draft(self._path, self._table) as draft:
                self._copy(draft)
                self._publish(draft)
        except Exception as error:  # noqa: BLE001 - `done` is told
            with self._commits:
                self.is_over = True
                self._done(error)

    def _check_room(self) -> None:
        """Half of the room on the disk stays for the commits."""
        disk = os.statvfs(os.path.dirname(self._path))
        if disk.f_bavail * disk.f_frsize < 2 * self._table.live:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

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
            self.is_over = True
            afterwards = self._done(draft)
        if afterwards:
            afterwards()
