"""Opening the `file` store's file: reading it, saying what was wrong, rewriting it if need be."""

import os
import stat
import time
from contextlib import closing
from logging import getLogger

from attrs import frozen

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.draft import Draft, remove_draft
from cookietrack_plugin.stores.file.lines import GONE
from cookietrack_plugin.stores.file.reader import HEAD, Damaged, FileReader, is_cookie_file
from cookietrack_plugin.stores.file.rescue import Rescue
from cookietrack_plugin.stores.file.table import FileTable

_log = getLogger(__name__)
_BUFFER = 65536
# Expired records that are taken out at a time.
_STEP = 1000


@frozen
class Opened:
    """`damaged`, `torn`: how many lines were left out, as `FileReader` counts them."""

    file: AppendFile
    table: FileTable
    damaged: int = 0
    torn: int = 0


def check_place(path: str) -> None:
    """:raises StoreCorrupt: what is at `path` is not even a file."""
    if os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode):
        kind = "a directory" if os.path.isdir(path) else "no regular file"
        raise StoreCorrupt(f"{path} is {kind}, and no cookie file")


def open_file(path: str, purge: bool) -> Opened:
    """
    Read the file at `path`, or make it. The lock is held.

    A batch that was torn is cut off. Any other file that must not be appended to is rewritten, at
    one moment: a file of Crossbar's, whose values would log people in, and one that is damaged.
    What cannot be read is kept beside it.

    :param purge: leave out what has expired.
    :raises StoreCorrupt: it is no cookie file, or one of a newer format. It is left untouched.
    """
    remove_draft(path)
    table = FileTable()
    if not os.path.exists(path):
        return Opened(_rewrite(path, table), table)
    reader = _read(path, table)
    purged = _purge(table) if purge else 0
    if reader.is_sound and not purged:
        file = AppendFile.open(path, reader.surplus)
    else:
        file = _rewrite(path, table)
    return Opened(file, table, reader.damaged, reader.torn)


def read_file(path: str, table: FileTable, damage: Damaged) -> FileReader:
    """
    Read the file at `path` into `table`; `damage` gets what cannot be read.

    :raises StoreCorrupt: it is no cookie file, or one of a newer format.
    """
    _check_head(path)
    reader = FileReader(damage)
    with open(path, "rb", buffering=_BUFFER) as file:
        try:
            for states in reader.read(file):
                table.fill(states)
        except StoreCorrupt as error:
            raise StoreCorrupt(f"{path}: {error}") from error
    return reader


def _check_head(path: str) -> None:
    with open(path, "rb") as file:
        if not is_cookie_file(file.read(HEAD)):
            raise StoreCorrupt(f"{path} is no cookie file: no line of ours or Crossbar's in it")


def _read(path: str, table: FileTable) -> FileReader:
    with closing(Rescue(path)) as rescue:
        try:
            reader = read_file(path, table, rescue)
            if reader.damaged and not (reader.states or reader.is_ours):
                raise StoreCorrupt(f"{path}: none of its {reader.lines} lines can be read")
        except StoreCorrupt:
            rescue.discard()
            raise
    _report(path, reader, rescue.path)
    return reader


def _purge(table: FileTable) -> int:
    now = int(time.time() * 1000)
    purged = 0
    while keys := table.due(now, _STEP):
        table.fill((key, GONE) for key in keys)
        purged += len(keys)
    return purged


def _rewrite(path: str, table: FileTable) -> AppendFile:
    with Draft(path, table) as draft:
        for states in table.walk():
            draft.add(states)
        draft.publish()
    return draft.file


def _report(path: str, reader: FileReader, kept: str | None) -> None:
    if reader.damaged:
        shown = ", ".join(map(str, reader.damaged_at))
        more = ", ..." if reader.damaged > len(reader.damaged_at) else ""
        _log.warning(
            "%s: %d damaged lines of %d (line %s%s) cannot be read; they are kept in %s",
            *(path, reader.damaged, reader.lines, shown, more, kept),
        )
    if reader.torn:
        _log.warning(
            "%s: the last %d lines of %d (from line %d) are a batch that was cut off before it was "
            "stored, and do not count; they are kept in %s",
            *(path, reader.torn, reader.lines, reader.torn_at, kept),
        )
    if reader.foreign:
        _log.info(
            "%s: %d lines are Crossbar's own; the file is rewritten, with ids in place of the "
            "cookies' values. Copies of the old file still log their users in",
            *(path, reader.foreign),
        )
    if reader.incomplete:
        _log.warning(
            "%s: %d logins without a realm or role, of an old Crossbar, are left out",
            *(path, reader.incomplete),
        )
