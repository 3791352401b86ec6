"""When the `file` store's file is compacted, and the compaction in progress."""

from collections.abc import Sequence
from contextlib import suppress
from logging import getLogger

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.file.compaction import Compaction
from cookietrack_plugin.stores.file.journal import Journal
from cookietrack_plugin.stores.file.lines import State
from cookietrack_plugin.stores.file.schedule import CompactionSchedule
from cookietrack_plugin.stores.file.table import FileTable
from cookietrack_plugin.stores.file.turnstile import Turnstile

_log = getLogger(__name__)


class Compactor:
    """
    Begins a compaction where more than half of the file is dead, or the file is no longer trusted;
    on a full disk where an eighth is dead.

    :param commits: see `Compaction`. It is held whenever `note` or `run_if_worth` is called.
    """

    # Bytes. A smaller file is not worth a compaction, however little of it is alive.
    compacts_from = 1_000_000

    def __init__(self, path: str, table: FileTable, journal: Journal, commits: Turnstile) -> None:
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

    def note(self, lines: bytes, states: Sequence[State]) -> None:
        """
        Pass on `lines` that were appended to the compaction in progress.

        :param states: what they say.
        """
        if self._latest is not None:
            self._latest.note(lines, states)

    def run_if_worth(self) -> None:
        """Begin a compaction if it is worth it, unless one runs or the last one has just failed."""
        if not self._is_worth() or self._is_at_work():
            return
        compaction = self._make()
        try:
            compaction.start()
        except RuntimeError as error:
            # "can't start new thread": the process has as many as it may.
            pause = self._schedule.failed(not self._journal.is_trusted)
            _log.warning("%s cannot be compacted, next try in %.1f s: %s", self._path, pause, error)
            return
        self._latest = compaction

    def wait_until_trusted(self, seconds: float) -> None:
        """Wait for the compaction without which nothing can be stored, if there is one."""
        if self._latest is not None and not self._journal.is_trusted:
            self._latest.wait(seconds)

    def stop(self) -> None:
        """End the compaction in progress; wait for its thread."""
        if self._latest is not None:
            self._latest.stop()

    def run_last(self) -> None:
        """If the file is no longer trusted, try once more to rewrite it, on this thread."""
        with self._commits:
            with suppress(StoreUnavailable):
                self._journal.check()
            if self._journal.is_trusted or self._journal.is_taken:
                return
        self._make().run_once()

    def _make(self) -> Compaction:
        return Compaction(self._path, self._table, self._journal, self._schedule, self._commits)

    def _is_worth(self) -> bool:
        if not self._journal.is_trusted:
            return not self._journal.is_taken
        if not self._schedule.is_due():
            return False
        size, live = self._journal.size, self._table.live
        return size > max(self.compacts_from, 2 * live) or self._gives_room(size - live, live)

    def _gives_room(self, dead: int, live: int) -> bool:
        """On a full disk: whether it would free enough."""
        reserve = self._journal.reserve
        return reserve.is_short and 8 * dead > live and reserve.can_replace(live)

    def _is_at_work(self) -> bool:
        return self._latest is not None and not self._latest.is_over
