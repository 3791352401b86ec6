"""Disk space that is reserved for deletions, so that users can log out on a full disk."""

import errno
import os
from contextlib import suppress

from cookietrack_plugin.stores.file.disk import AppendFile

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_LEAST_BYTES = 262_144
# What is allocated beyond that, so that not every commit has to allocate.
_STRIDE_BYTES = 1_048_576
_BLOCK_BYTES = 4096
# What a compaction needs on a full disk besides what it copies.
_MARGIN_BYTES = 65_536


class Reserve:
    """
    Blocks behind the end of the store's file, which no other program can take. Half as much as all
    records take is enough to delete each of them. By one thread at a time.

    `is_short`: there was no room for a commit, and has been none since.
    """

    def __init__(self, file: AppendFile) -> None:
        self._file = file
        # What the disk had room for; None if it had enough.
        self._most: int | None = 0
        self.is_short = False

    def move(self, file: AppendFile) -> None:
        """Reserve in `file` from now on."""
        self._file = file
        self.is_short = False

    def fill(self, live: int) -> None:
        """Reserve what records of `live` bytes need, or as much of it as the disk has room for."""
        wanted = _wanted(live)
        if self._take(wanted):
            self._most, self.is_short = None, False
            return
        least = min(self._needed(live), self._file.room)
        while wanted > least and not self._allocate(wanted):
            wanted = wanted // 2 if wanted > _BLOCK_BYTES else 0
        self._most = max(wanted, least, self._most or 0)

    def has_room(self, count: int, live: int) -> bool:
        """Whether `count` bytes can be appended at once, and leave what is reserved."""
        return not self._file.can_allocate or self._file.room >= count + self._needed(live)

    def make_room(self, count: int, live: int) -> None:
        """
        The same, with more blocks where they are needed. May wait.

        :raises OSError: ENOSPC where they cannot be had.
        """
        if self.has_room(count, live):
            return
        if not self._take(count + self._needed(live)):
            self.is_short = True
            raise _no_room()
        self.is_short = False

    def seek_room(self, count: int, live: int) -> bool:
        """The same; False where the blocks cannot be had. May wait."""
        try:
            self.make_room(count, live)
        except OSError:
            return False
        return True

    def can_replace(self, live: int) -> bool:
        """
        Whether a full disk has room for another file of `live` bytes, and for deleting all of it.
        """
        return self._has_free(live + live // 2 - self._file.room)

    def prepare_replacement(self, live: int) -> None:
        """
        Have room for another file of `live` bytes. Half of the disk's room stays for the commits; a
        full disk gets some of what is reserved, or all where nothing can be stored otherwise.

        :raises OSError: ENOSPC where that is not enough.
        """
        if self._has_free(2 * live):
            return
        if not self._file.is_trusted:
            self._file.give_back()
        elif self.is_short and self.can_replace(live):
            self._file.give_back()
            # Another program may be faster.
            self._allocate(live // 2)
        else:
            raise _no_room()

    def _has_free(self, count: int) -> bool:
        """Whether the disk has `count` bytes for another file, and a little more."""
        disk = os.fstatvfs(self._file.fileno())
        return disk.f_bavail * disk.f_frsize >= count + _MARGIN_BYTES

    def _take(self, count: int) -> bool:
        return self._allocate(count + _STRIDE_BYTES) or self._allocate(count)

    def _allocate(self, count: int) -> bool:
        """Allocate `count` bytes. False only where there is no room: some systems cannot tell."""
        try:
            self._file.allocate(count)
        except OSError as error:
            return error.errno not in NO_ROOM
        return True

    def _needed(self, live: int) -> int:
        return _wanted(live) if self._most is None else min(self._most, _wanted(live))


def reserve_beforehand(file: AppendFile, live: int) -> None:
    """
    Reserve in a new file what records of `live` bytes need, if the disk has that much room while
    the old file is there: `fill` finds it done, or does it.
    """
    with suppress(OSError):
        file.allocate(_wanted(live) + _STRIDE_BYTES)


def _no_room() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _wanted(live: int) -> int:
    return max(_LEAST_BYTES, live // 2)
