"""Whether the `file` store's file is to be compacted, and the compaction that is at work."""

from collections.abc import Sequence
from logging import getLogger
from threading import Lock

from cookietrack_plugin.stores.file.compaction import Compaction
from cookietrack_plugin.stores.file.journal import Journal
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.schedule import CompactionSchedule
from cookietrack_plugin.stores.file.table import FileTable

_log = getLogger(__name__)


class Compactor:
    """
    Begins a compaction where more than half of the file is dead, or is not to be trusted.

    :param commits: see `Compaction`. It is held whenever `note` or `run_if_worth` is called.
    """

    # Bytes. A smaller file is not worth a compaction, however little of it is alive.
    compacts_from = 1_000_000

    def __init__(self, path: str, table: FileTable, journal: Journal, commits: Lock) -> None:
        self._path = path
        self._table = table
        self._journal = journal
        self._commits = commits
        self._schedule = CompactionSchedule()
        self._latest: Compaction | None = None

    @property
    def done(self) -> int:
        """How many compactions have succeeded."""
        return self._schedule.done

    def note(self, states: Sequence[State]) -> None:
        """These were committed: a compaction that is at work copies them once more."""
        if self._latest is not None:
            self._latest.note(states)

    def run_if_worth(self) -> None:
        """Begin a compaction, unless one is at work or the last one has just failed."""
        if not self._is_worth() or self._is_at_work():
            return
        compaction = Compaction(
            self._path, self._table, self._journal, self._schedule, self._commits
        )
        try:
            compaction.start()
        except RuntimeError as error:
            # "can't start new thread": the process has as many as it may.
            pause = self._schedule.failed(not self._journal.is_trusted)
            _log.warning("%s cannot be compacted, next try in %.1f s: %s", self._path, pause, error)
            return
        self._latest = compaction

    def stop(self) -> None:
        """End the compaction that is at work; wait for its thread."""
        if self._latest is not None:
            self._latest.stop()

    def _is_worth(self) -> bool:
        if not self._journal.is_trusted:
            return True
        is_dead = self._journal.size > max(self.compacts_from, 2 * self._table.live)
        return is_dead and self._schedule.is_due()

    def _is_at_work(self) -> bool:
        return self._latest is not None and not self._latest.is_over
