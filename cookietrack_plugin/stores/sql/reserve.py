"""Room on the disk of a SQLite database that is kept for letting go."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Room for one small transaction in the log, and for the pages that it adds: an entry of the feed.
RESERVE_BYTES = 2**20


class Reserve:
    """
    A file beside the database, as large as the room that it keeps. Processes share it.

    SQLite writes what it deletes into its log first, so a full disk would keep everything that is
    on it.

    :param database: the path of the database's file.
    """

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}-reserve")

    def take(self) -> None:
        """Take the room, unless that was done before, or there is none."""
        with suppress(OSError):
            if self._path.exists():
                return
            file = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            try:
                os.posix_fallocate(file, 0, RESERVE_BYTES)
            except OSError:
                self._path.unlink(missing_ok=True)
            finally:
                os.close(file)

    @contextmanager
    def released(self) -> Iterator[None]:
        """There is that much room within the block, if there is a reserve."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.take()
