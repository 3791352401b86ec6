"""Disk space that is reserved for deletions."""

import errno
import os

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.stores.lmdb.layout import DamagedPage
from cookietrack_plugin.stores.lmdb.pages import Snapshot
from cookietrack_plugin.stores.lmdb.place import Place

# The reserve is this part of the file, within bounds: deletions in a large store take more.
_PART = 64
_SMALLEST_BYTES, _LARGEST_BYTES = 256 * 2**10, 16 * 2**20
# On a full disk new records are accepted while this many times the reserve is free in the file.
_MARGIN = 4
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXTS = tuple(map(os.strerror, _FULL))
_LITTLE_BYTES = 16 * 2**20


class Reserve:
    """
    The end of a data file, which only deletions may use. LMDB copies each page that it changes, so
    a deletion needs pages, too, before it frees any. On a full disk there are only those of the
    file.

    LMDB does not say how far into the file a transaction has got. So for one that adds records the
    map ends before the reserve.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    def bound(self, used: int) -> int:
        """
        The bytes up to which new records may use the file, of which `used` are or were in use.
        Refills the reserve where deletions have used it.

        :raises StoreFull: it cannot be refilled.
        """
        size = self._place.size()
        wanted = used + _amount(size)
        if size < wanted and not self._extend(wanted):
            # Free pages within the file will do.
            if size - used + self._free_bytes() < _MARGIN * _amount(size):
                raise self._full()
            return used
        return max(size, wanted) - _amount(size)

    def extend(self, used: int, step: int, limit: int) -> int:
        """
        Make the file larger by `step` bytes, by less where there is no room for that, and to no
        more than `limit` and the reserve. Returns the bytes up to which new records may use it.

        :raises StoreFull: there is no room.
        """
        start = max(self._place.size(), used + _amount(used))
        most = limit + _amount(limit)
        while not self._extend(size := max(start, min(start + step, most))):
            if step <= _SMALLEST_BYTES:
                raise self._full()
            step //= 2
        return size - _amount(size)

    def _full(self) -> StoreFull:
        return StoreFull(f"no room to write {self._place.path}: {_FULL_TEXTS[0]}")

    def _extend(self, size: int) -> bool:
        """Whether there was room for it."""
        try:
            self._place.extend(size)
        except OSError as error:
            if error.errno in _FULL:
                return False
            self._lengthen(size)
        return True

    def _lengthen(self, size: int) -> None:
        """For file systems that cannot allocate space."""
        try:
            os.ftruncate(self._place.fileno(), size)
        except OSError as error:
            raise StoreUnavailable(
                f"{self._place.path} cannot be written: {error.strerror}"
            ) from error

    def _free_bytes(self) -> int:
        try:
            snapshot = Snapshot(self._place.fileno())
            return snapshot.free_pages() * snapshot.page_size
        except DamagedPage:
            return 0


def is_for_want_of_room(error: Exception, place: Place) -> bool:
    """Whether LMDB failed because the disk is full."""
    if any(reason in str(error) for reason in _FULL_TEXTS):
        return True
    # LMDB reports EIO for a write that was cut short, without the reason.
    return os.strerror(errno.EIO) in str(error) and place.free_bytes() < _LITTLE_BYTES


def _amount(size: int) -> int:
    """The bytes of a file of `size` that are kept."""
    amount = min(max(size // _PART, _SMALLEST_BYTES), _LARGEST_BYTES)
    return amount - amount % _SMALLEST_BYTES
