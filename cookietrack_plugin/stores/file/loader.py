"""Opening the `file` store's file: read it, log what was wrong, rewrite it where necessary."""

import os
import time
from collections.abc import Sequence
from logging import getLogger

from attrs import frozen

from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.draft import Draft, remove_draft
from cookietrack_plugin.stores.file.echo import DISTANCE_BYTES
from cookietrack_plugin.stores.file.lines import GONE, keys_in
from cookietrack_plugin.stores.file.reader import HEAD, Damaged, FileReader, is_cookie_file
from cookietrack_plugin.stores.file.rescue import Rescue
from cookietrack_plugin.stores.file.reserve import NO_ROOM
from cookietrack_plugin.stores.file.table import FileTable

_log = getLogger(__name__)
_BUFFER = 65536
# Expired records that are taken out at a time.
_STEP = 1000


@frozen
class Opened:
    """
    `damaged`, `torn`: how many lines were left out, as `FileReader` counts them. `last_batch`: the
    number of the last batch that has one. `recent`: the keys of the lines at the file's end.
    """

    file: AppendFile
    table: FileTable
    damaged: int = 0
    torn: int = 0
    last_batch: int = 0
    recent: Sequence[bytes] = ()


def open_file(path: str, purge: bool) -> Opened:
    """
    Read the file at `path`, or make it. The lock is held.

    A torn batch at its end is cut off. Any other file that must not be appended to is replaced by a
    new one: a file of Crossbar's, whose values would log people in, and one that is damaged. What
    cannot be read is kept beside it.

    :param purge: leave out what has expired.
    :raises StoreCorrupt: it is no cookie file, or one of a newer format. It is left untouched.
    """
    if not os.path.exists(path):
        table = FileTable()
        return Opened(_rewrite(path, table), table)
    file = AppendFile.open(path)
    try:
        return _open_existing(path, file, purge)
    except BaseException:
        file.close()
        raise


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


def _open_existing(path: str, file: AppendFile, purge: bool) -> Opened:
    try:
        return _open(path, file, FileTable(), purge)
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        # It has to be rewritten, and the only room is what it has reserved.
        file.give_back()
        return _open(path, file, FileTable(), purge)


def _open(path: str, file: AppendFile, table: FileTable, purge: bool) -> Opened:
    rescue = Rescue(path)
    try:
        reader = _read(path, table, rescue)
        rescue.close()
    except BaseException:
        rescue.discard()
        raise
    opened = _mended(path, file, reader, table, purge)
    _report(path, reader, rescue.publish())
    return opened


def _mended(
    path: str, file: AppendFile, reader: FileReader, table: FileTable, purge: bool
) -> Opened:
    """The file without what could not be read, or a new one in its place."""
    purged = _purge(table) if purge else 0
    if reader.is_sound and not purged and not file.has_other_names:
        remove_draft(path)
        file.settle(reader.surplus)
        recent = keys_in(file.tail(2 * DISTANCE_BYTES))
        return Opened(file, table, reader.damaged, reader.torn, reader.last_batch, recent)
    rewritten = _rewrite(path, table)
    file.close()
    return Opened(rewritten, table, reader.damaged, reader.torn, reader.last_batch)


def _check_head(path: str) -> None:
    with open(path, "rb") as file:
        if not is_cookie_file(file.read(HEAD)):
            raise StoreCorrupt(f"{path} is no cookie file: no line of ours or Crossbar's in it")


def _read(path: str, table: FileTable, rescue: Rescue) -> FileReader:
    reader = read_file(path, table, rescue)
    if reader.damaged and not (reader.states or reader.is_ours):
        raise StoreCorrupt(f"{path}: none of its {reader.lines} lines can be read")
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
            "%s: damaged lines: %d of %d (line %s%s); they are kept in %s",
            *(path, reader.damaged, reader.lines, shown, more, kept),
        )
    if reader.torn:
        _log.warning(
            "%s: its end, from line %d of %d on, is a batch that was cut off before it was stored, "
            "and does not count; it is kept in %s",
            *(path, reader.torn_at, reader.lines, kept),
        )
    if reader.foreign:
        _log.info(
            "%s: lines that Crossbar wrote: %d of %d; the file is rewritten, with ids in place of "
            "the cookies' values. Copies of the old file still log their users in",
            *(path, reader.foreign, reader.lines),
        )
    if reader.incomplete:
        _log.warning(
            "%s: logins without a realm or role, which an old Crossbar wrote, are left out: %d",
            *(path, reader.incomplete),
        )
