"""The records of a `file` store, in memory and in its file, altered together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.file.batch import Batch
from cookietrack_plugin.stores.file.compactor import Compactor
from cookietrack_plugin.stores.file.echo import Echo
from cookietrack_plugin.stores.file.journal import Journal
from cookietrack_plugin.stores.file.lines import GONE
from cookietrack_plugin.stores.file.loader import Opened
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.place import Place
from cookietrack_plugin.stores.file.turnstile import Turnstile

# Seconds that a commit waits for a rewriting without which it cannot store anything: shorter than
# the silence that opens the circuit breaker, and longer than a small file takes.
_PATIENCE_S = 0.4


class Ledger:
    """A `FileTable`, and the file from which it can be rebuilt."""

    def __init__(self, place: Place, lock: FileLock, opened: Opened, apart: bool) -> None:
        self._path = place.path
        self.table = opened.table
        self._journal = Journal(place, opened.file, lock, apart)
        # Of the next batch.
        self._number = opened.last_batch + 1
        self._echo = Echo()
        self._echo.note(opened.file.size, opened.recent)
        # How many of what it had to repeat are in the lines that were composed last, and the keys
        # in them that are to be repeated.
        self._repeated, self._again = 0, list[bytes]()
        # What `begin` has given to the journal.
        self._begun, self._lines = Batch(()), b""
        # Held during a commit, and while a compaction replaces the file.
        self._commits = Turnstile()
        self._journal.reserve.fill(self.table.live)
        self._compactor = Compactor(self._path, self.table, self._journal, self._commits)
        self._is_closed = False
        self._compactor.run_if_worth()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._journal.size

    @property
    def compactions(self) -> int:
        """How many have succeeded."""
        return self._compactor.done

    def check_open(self) -> None:
        """:raises StoreUnavailable: it is closed."""
        if self._is_closed:
            raise StoreUnavailable(f"the cookie file {self._path} is closed")

    @contextmanager
    def altering(self) -> Iterator[None]:
        """
        Within the block nobody else alters anything.

        :raises StoreUnavailable: nothing can be stored now.
        """
        self._settle()
        with self._commits:
            self.check_open()
            yield

    def append(self, batch: Batch) -> None:
        """Store `batch`; within `altering`. Nothing is known to be stored before this returns."""
        if not batch.states:
            self._journal.check()
            return
        try:
            self._appended(batch, self._write(batch))
        finally:
            self._compactor.run_if_worth()

    def start_process(self) -> None:
        """Start what `begin` needs; within `altering`."""
        self._journal.start_process()

    def begin(self, make: Callable[[], Batch]) -> bool:
        """
        Begin to store the batch that `make` gives. From the call of `make` until the batch is
        finished nothing else is altered. Waits for nothing; False where nothing was begun.
        """
        if not self._journal.has_process or not self._commits.acquire(blocking=False):
            return False
        begun = False
        try:
            self.check_open()
            self._begun = batch = make()
            begun = bool(batch.states) and self._begin(batch)
        finally:
            if not begun:
                self._commits.release()
        return begun

    def fileno(self) -> int:
        """A descriptor that can be read once there is something to `finish`."""
        return self._journal.fileno()

    def finish(self) -> Batch | None:
        """What was begun, once it is stored; None until then. Waits for nothing."""
        over = True
        try:
            over = self._journal.finish()
            if over:
                self._appended(self._begun, self._lines)
        finally:
            if over:
                self._compactor.run_if_worth()
                self._commits.release()
        return self._begun if over else None

    def close(self) -> None:
        """Idempotent. A file that is not trusted is rewritten first, if that is possible."""
        with self._commits:
            was_closed, self._is_closed = self._is_closed, True
        self._compactor.stop()
        if not was_closed:
            self._compactor.run_last()
        self._journal.close()

    def tend(self) -> None:
        """Periodic upkeep, for when nobody commits anything; within `altering`."""
        self._journal.reserve.fill(self.table.live)
        self._compactor.run_if_worth()

    def _begin(self, batch: Batch) -> bool:
        spares = batch.only_removes and self._journal.reserve.is_short
        self._lines = self._fewest_lines(batch) if spares else self._lines_of(batch)
        return self._journal.begin(self._lines, None if spares else self.table.live)

    def _write(self, batch: Batch) -> bytes:
        """Append `batch`: its fewest lines if it only removes, and there is no room for more."""
        lines, live = self._lines_of(batch), self.table.live
        if batch.only_removes and not self._journal.reserve.seek_room(len(lines), live):
            lines = self._fewest_lines(batch)
        self._journal.append(lines, None if batch.only_removes else live)
        return lines

    def _lines_of(self, batch: Batch) -> bytes:
        keys, altered = self._echo.due(self._journal.size), {key for key, _ in batch.states}
        self._repeated, self._again = len(keys), batch.near
        others = [(key, self.table.get(key) or GONE) for key in keys if key not in altered]
        return batch.lines(self._number, others)

    def _fewest_lines(self, batch: Batch) -> bytes:
        self._repeated, self._again = 0, list(batch.again)
        return batch.fewest_lines(self._number)

    def _settle(self) -> None:
        """Check that the file is still in its place, and wait for its rewriting if it is not."""
        with self._commits:
            self.check_open()
            with suppress(StoreUnavailable):
                self._journal.check()
                return
            self._compactor.run_if_worth()
        self._compactor.wait_until_trusted(_PATIENCE_S)

    def _appended(self, batch: Batch, lines: bytes) -> None:
        self._number += 1
        self._echo.repeated(self._repeated)
        self._echo.note(self._journal.size, self._again)
        self.table.commit(batch.states)
        self._compactor.note(lines, batch.states)
