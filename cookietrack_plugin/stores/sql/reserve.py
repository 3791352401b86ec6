"""Disk space that is reserved for deletions from a SQLite database."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Enough for one small transaction in the log, and for the pages of its entry in the feed.
RESERVE_BYTES = 2**20


class Reserve:
    """
    A file beside the database, as large as the space that it reserves. Processes share it.

    SQLite writes a deletion to its log first, so on a full disk nothing could be deleted.

    :param database: the path of the database's file.
    """

    def __init__(self, database: str) -> None:
        self._path = Path(f"{database}-reserve")

    def take(self) -> None:
        """Reserve the space, unless that was done before, or there is none."""
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
        """Free the space within the block, and reserve it again."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        try:
            yield
        finally:
            self.take()
