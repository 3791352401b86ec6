"""Rows as records; one that cannot be decoded gets a line in the log."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.fold import DAMAGED, Stored
from cookietrack_plugin.stores.kit.unreadable import UnreadableLog
from cookietrack_plugin.stores.sql.tables import record_of


class RecordReader:
    """Reads the rows of the table of records."""

    def __init__(self, unreadable: UnreadableLog) -> None:
        self._unreadable = unreadable

    def stored(self, row: Sequence[Any]) -> Stored:
        """The record; DAMAGED if it cannot be decoded."""
        try:
            return record_of(row)
        except ValueError as error:
            self._unreadable.note(row[0], str(error))
            return DAMAGED

    def readable(self, rows: Iterable[Sequence[Any]]) -> Iterator[Cookie]:
        """The records that can be decoded."""
        for record in map(self.stored, rows):
            if isinstance(record, Cookie):
                yield record
