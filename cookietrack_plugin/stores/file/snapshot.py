"""The `file` store's file as it is at one moment, for reading: nothing in it is altered."""

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from zope.interface import implementer

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.interfaces import ICookieStore, IVerifiable
from cookietrack_plugin.record import Change, Cookie
from cookietrack_plugin.stores.file import query
from cookietrack_plugin.stores.file.encoding import to_id
from cookietrack_plugin.stores.file.loader import read_file
from cookietrack_plugin.stores.file.table import FileTable


class _Lines:
    """The numbers of lines that cannot be used."""

    def __init__(self) -> None:
        self.numbers: list[int] = []

    def keep(self, number: int, raw: bytes, is_ours: bool) -> None:
        self.numbers.append(number)


@implementer(ICookieStore, IVerifiable)
class FileSnapshot:
    """A file of ours or Crossbar's, read as `FileStore` reads it, while its owner goes on."""

    reads_block = False
    commits_block = True

    def __init__(self, path: str) -> None:
        self._path = path
        self._is_closed = False
        self._table = FileTable(pause=0)
        lines = _Lines()
        reader = read_file(path, self._table, lines)
        self._unreadable = lines.numbers
        self._torn_at = reader.torn_at
        self._incomplete = reader.incomplete

    def load(self, ids: Sequence[str]) -> Mapping[str, Cookie]:
        self._check_open()
        return query.load(self._table, ids)

    def commit(self, changes: Sequence[Change]) -> Sequence[bool]:
        raise StoreUnavailable(f"{self._path} is open for reading alone")

    def expire(self, now: int, limit: int) -> int:
        raise StoreUnavailable(f"{self._path} is open for reading alone")

    def page(
        self,
        cursor: str | None,
        limit: int,
        authid: str | None = None,
        authrealm: str | None = None,
    ) -> tuple[Sequence[Cookie], str | None]:
        self._check_open()
        return query.page(self._table, cursor, limit, authid, authrealm)

    def stat(self) -> Mapping[str, Any]:
        self._check_open()
        return {
            "cookies": self._table.count,
            "bytes": os.path.getsize(self._path),
            "live_bytes": self._table.live,
        }

    def damaged(self) -> Iterator[str]:
        self._check_open()
        for number in self._unreadable:
            if self._torn_at and number >= self._torn_at:
                yield f"line {number} is of a batch that was cut off before it was stored"
            else:
                yield f"line {number} cannot be read"
        for key in query.undecodable(self._table):
            yield f"record {to_id(key)} cannot be decoded"
        if self._incomplete:
            yield f"logins without a realm or role, which an old Crossbar wrote: {self._incomplete}"

    def repair(self) -> int:
        raise StoreUnavailable(f"{self._path} is open for reading alone")

    def close(self) -> None:
        self._is_closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"{self._path} is closed")
