"""Rewriting the `file` store's file, without what is no longer true, while commits go on."""

from collections import deque
from collections.abc import Sequence
from logging import getLogger
from threading import Event, Thread

from cookietrack_plugin.stores.file.draft import Draft
from cookietrack_plugin.stores.file.journal import Journal, Replaced
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.reserve import reserve_beforehand
from cookietrack_plugin.stores.file.schedule import CompactionSchedule
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.stores.file.turnstile import Turnstile

_log = getLogger(__name__)
# Bytes that may be left to copy while commits wait.
_FEW_BYTES = 65_536
_ROUNDS = 20


class Stopped(Exception):
    """The store is being closed."""


class Compaction(Thread):
    """
    One rewriting of the file, in a thread of its own. It ends with the journal on the new file, or
    with everything as it was and a warning in the log; the schedule knows which. Where the journal
    is no longer trusted, nothing can be stored before it succeeds, so it retries.

    The table is copied while commits alter it. The lines that were appended since then are copied
    behind it, in a fraction of the time in which they came. So the copy catches up however many
    come, and commits wait only for the last few.

    `is_over`: the thread does nothing more.

    :param commits: is held during a commit, and here while the new file takes the old one's place.
    """

    def __init__(
        self,
        path: str,
        table: FileTable,
        journal: Journal,
        schedule: CompactionSchedule,
        commits: Turnstile,
    ) -> None:
        super().__init__(name="cookietrack-compaction", daemon=True)
        self._path = path
        self._table = table
        self._journal = journal
        self._schedule = schedule
        self._commits = commits
        self._stopping = Event()
        self._over = Event()
        # What was appended since it began, and is not in the new file yet.
        self._appended: deque[tuple[bytes, Sequence[State]]] = deque()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def note(self, lines: bytes, states: Sequence[State]) -> None:
        """Copy `lines`, which were appended and say `states`. With `commits` held."""
        if not self.is_over:
            self._appended.append((lines, states))

    def wait(self, seconds: float) -> None:
        """Wait until it is over, for `seconds` at most."""
        self._over.wait(seconds)

    def stop(self) -> None:
        """Leave everything as it is, and wait until the thread has ended."""
        self._stopping.set()
        self.join()

    def run(self) -> None:
        while not self.is_over:
            if pause := self.run_once():
                self._stopping.wait(pause)

    def run_once(self) -> float:
        """Try once; the seconds to wait before the next try, 0 where it is over."""
        try:
            self._rewrite()
        except Exception as error:  # noqa: BLE001 - the old file is still there
            return self._failed(error)
        return 0.0

    def _rewrite(self) -> None:
        with self._commits:
            self._journal.check_replaceable()
            self._appended.clear()
            self._journal.reserve.prepare_replacement(self._table.live)
        with Draft(self._path, self._table) as draft:
            self._copy(draft)
            # Not with `commits` held: it takes a while.
            reserve_beforehand(draft.file, self._table.live)
            replaced = self._publish(draft)
        # Not with `commits` held: it takes a while.
        replaced.close()
        with self._commits:
            self._journal.reserve.fill(self._table.live)

    def _copy(self, draft: Draft) -> None:
        for states in self._table.walk():
            self._check_stopping()
            draft.add(states)
        for _ in range(_ROUNDS):
            draft.file.flush()
            if self._follow(draft) < _FEW_BYTES:
                return

    def _follow(self, draft: Draft) -> int:
        """Copy what was appended; how many bytes that was."""
        size = draft.file.size
        while self._appended:
            self._check_stopping()
            draft.add_lines(*self._appended.popleft())
        return draft.file.size - size

    def _check_stopping(self) -> None:
        if self._stopping.is_set():
            raise Stopped

    def _publish(self, draft: Draft) -> Replaced:
        with self._commits:
            self._journal.check_replaceable()
            self._follow(draft)
            draft.publish()
            self._over.set()
            replaced = self._journal.replace(draft.file)
            self._table.use_queue(draft.queue)
            self._schedule.succeeded()
        _log.info("%s: compacted to %d bytes", self._path, draft.file.size)
        return replaced

    def _failed(self, error: Exception) -> float:
        with self._commits:
            self._journal.reserve.fill(self._table.live)
            is_urgent = not (self._journal.is_trusted or self._journal.is_taken)
            is_over = not is_urgent or self._stopping.is_set()
            if is_over:
                self._over.set()
            if isinstance(error, Stopped):
                return 0.0
            pause = self._schedule.failed(is_urgent or self._journal.reserve.is_short)
        message = "%s cannot be compacted now, next try in %.1f s: %r"
        _log.warning(message, self._path, pause, error)
        return 0.0 if is_over else pause
