"""Rewriting the `file` store's file, without what is no longer true, while commits go on."""

import errno
import os
from collections.abc import Iterable, Sequence
from logging import getLogger
from threading import Event, Lock, Thread

from cookietrack_plugin.stores.file.draft import Draft
from cookietrack_plugin.stores.file.journal import Journal
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.schedule import CompactionSchedule
from cookietrack_plugin.stores.file.table import FileTable

_log = getLogger(__name__)
# Records that may be left to copy while commits wait.
_FEW = 64
_ROUNDS = 20


class Stopped(Exception):
    """The store is being closed."""


class Compaction(Thread):
    """
    One rewriting of the file, in a thread of its own. It ends with the journal on the new file, or
    with everything as it was and a warning in the log; the schedule knows which. Where the journal
    is not to be trusted any more, nothing can be stored before it succeeds, so it tries again.

    The table is copied as it is at any moment. What was committed since is copied again, in rounds,
    until so little is left that commits can wait for it.

    `is_over`: the thread does nothing more.

    :param commits: is held during a commit, and here while the new file takes the old one's place.
    """

    def __init__(
        self,
        path: str,
        table: FileTable,
        journal: Journal,
        schedule: CompactionSchedule,
        commits: Lock,
    ) -> None:
        super().__init__(name="cookietrack-compaction", daemon=True)
        self._path = path
        self._table = table
        self._journal = journal
        self._schedule = schedule
        self._commits = commits
        # Commits are not possible before it is done, so it leaves no room to them.
        self._is_urgent = not journal.is_trusted
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
        while not self.is_over:
            try:
                self._rewrite()
            except Exception as error:  # noqa: BLE001 - the old file is still there
                self._stopping.wait(self._failed(error))

    def _rewrite(self) -> None:
        if not self._is_urgent:
            self._check_room()
        with Draft(self._path, self._table) as draft:
            self._copy(draft)
            self._publish(draft)

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
            old = self._journal.replace(draft.file)
            self._table.use_queue(draft.queue)
            self._schedule.succeeded()
            _log.info("%s: compacted to %d bytes", self._path, draft.file.size)
        # Not with `commits` held: the kernel takes a while to free a large file.
        old.close()

    def _failed(self, error: Exception) -> float:
        """Seconds to wait before the next try, if it is this thread's."""
        with self._commits:
            self.is_over = not self._is_urgent or self._stopping.is_set()
            if isinstance(error, Stopped):
                return 0.0
            pause = self._schedule.failed(self._is_urgent)
        message = "%s cannot be compacted now, next try in %.1f s: %r"
        _log.warning(message, self._path, pause, error)
        return pause if self._is_urgent else 0.0
