"""Files that root makes for a store are given to the node's user, who could not open them."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from cookietrack_plugin.admin.mending import unaliased
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.stores.kit.files import files_beside, files_of

# The device and the inode.
_File = tuple[int, int]


@contextmanager
def kept_ownership(place: Place) -> Iterator[None]:
    """
    Give what root makes at `place` within the block to the owner of the node directory; of a store
    that was named without its node, to the owner of the store, or else of the directory around it.

    What was root's before stays root's: the place need not be that of a store. Modes are the
    store's own business: 0600 and 0700.
    """
    path = place.disk_path
    if path is None or os.geteuid() != 0:
        yield
        return
    before = set(_roots(path))
    owner = _owner(place, path)
    try:
        yield
    finally:
        if owner is not None and owner.st_uid != 0:
            for each in _files(path):
                _give(each, owner, before)


def _files(path: str) -> list[str]:
    with suppress(OSError):
        return [*files_of(path), *files_beside(path)]
    return []


def _roots(path: str) -> Iterator[_File]:
    """What is root's, under whichever name it will be found later."""
    for each in _files(path):
        with suppress(OSError):
            found = os.lstat(each)
            if found.st_uid == 0:
                yield found.st_dev, found.st_ino


def _owner(place: Place, path: str) -> os.stat_result | None:
    if place.node is not None:
        return os.stat(place.node.directory)
    for each in (path, os.path.dirname(path)):
        with suppress(OSError):
            return os.stat(each)
    return None


def _give(path: str, owner: os.stat_result, kept: Collection[_File]) -> None:
    with suppress(OSError), unaliased(path) as fd:
        found = os.fstat(fd)
        if found.st_uid == 0 and (found.st_dev, found.st_ino) not in kept:
            os.fchown(fd, owner.st_uid, owner.st_gid)
