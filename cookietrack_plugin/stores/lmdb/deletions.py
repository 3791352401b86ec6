"""Deletions from an LMDB store, which succeed while it is full."""

from collections.abc import Callable
from typing import Any

from cookietrack_plugin.errors import StoreFull
from cookietrack_plugin.stores.lmdb.environment import Work
from cookietrack_plugin.stores.lmdb.tables import Tables

# Entries that the log drops in one transaction, about a page, and such transactions for one
# deletion that found no room.
_FORGOTTEN, _TRANSACTIONS = 128, 8
# Each record takes three pages at most, which are free again two transactions later.
_FIRST_STEP = 500


class Deletions:
    """
    Work that only deletes, in as few transactions as there is room for.

    :param write: `Environment.write`.
    """

    def __init__(self, write: Callable[..., Any], maxsize: int) -> None:
        self._environment_write = write
        self._maxsize = maxsize

    def do(self, work: Work, *args: Any) -> Any:
        """
        The result of `work`, all of it in one transaction.

        :raises StoreFull: it takes more room than is kept for deletions.
        """
        try:
            return self._write(work, *args)
        except StoreFull:
            # A deletion makes the log longer, and frees a page only with its last record. Readers
            # that have not read what the log drops treat all that they know as stale.
            if not self._shorten_log():
                raise
            return self._write(work, *args)

    def expire(self, now: int, limit: int) -> int:
        """See `ICookieStore.expire`."""
        count, step = 0, limit
        while True:
            asked = min(step, limit - count)
            try:
                deleted: int = self.do(Tables.expire, now, asked)
            except StoreFull:
                if step == 1:
                    raise
                step //= 2
                continue
            count += deleted
            if deleted < asked or count == limit:
                return count

    def in_steps(self, work: Work, *args: Any) -> int:
        """
        Call `work` with `args`, where to start, and how many records to delete. It returns how many
        it deleted, and where to go on, None at the end. Returns the sum.
        """
        count, step, start = 0, _FIRST_STEP, b""
        while start is not None:
            try:
                deleted, start = self.do(work, *args, start, step)
            except StoreFull:
                if step == 1:
                    raise
                step //= 2
            else:
                count += deleted
        return count

    def _write(self, work: Work, *args: Any) -> Any:
        return self._environment_write(self._maxsize, True, work, *args)

    def _shorten_log(self) -> bool:
        """Drop the oldest entries; whether there were any."""
        forgotten = 0
        try:
            for _ in range(_TRANSACTIONS):
                forgotten += self._write(Tables.forget, _FORGOTTEN)
        except StoreFull:
            return forgotten > 0
        return forgotten > 0
