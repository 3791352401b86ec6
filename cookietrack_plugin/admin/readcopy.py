"""Reading a store that may not be written to, by a copy: most engines write in order to read."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory

from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.errors import CookieTrackError, StoreUnavailable
from cookietrack_plugin.stores.kit.files import files_beside, files_of

# A file that was written in the last moment may be written again within the same tick of its clock.
_TICK_S = 0.02
_TRIES = 20
# The name of the copy of any store: the names of the files beside it begin with it.
_NAME = "store"


@contextmanager
def read_copy(place: Place) -> Iterator[Place]:
    """
    A private copy of the store at `place`, for reading, within the block. Errors name the original.

    :raises StoreUnavailable: there is no room for it, or somebody writes to the store all the time.
    """
    path = str(place.disk_path)
    with TemporaryDirectory(prefix="cookietrack-") as folder:
        target = os.path.join(folder, _NAME)
        _copy(path, target)
        try:
            yield place.moved(target)
        except CookieTrackError as error:
            raise type(error)(str(error).replace(target, path)) from error


def _copy(path: str, target: str) -> None:
    """As it was at one moment: a copy during which somebody wrote is made again."""
    for _ in range(_TRIES):
        before, began_s = _state(path), time.time()
        try:
            _copy_files(path, target)
        except OSError as error:
            folder = os.path.dirname(target)
            raise StoreUnavailable(
                f"{path} cannot be copied to {folder} in order to be read: {error.strerror}."
                " Set $TMPDIR to another directory"
            ) from error
        latest_s = max((written for _, _, written in before), default=0) / 1e9
        if _state(path) == before and latest_s < began_s - _TICK_S:
            return
        time.sleep(_TICK_S)
    raise StoreUnavailable(
        f"{path} is written to all the time, so no copy of it is whole: run the command as the user"
        " of its node"
    )


def _copy_files(path: str, target: str) -> None:
    os.makedirs(target if os.path.isdir(path) else os.path.dirname(target), exist_ok=True)
    for each in _files(path):
        shutil.copyfile(each, target + each.removeprefix(path))


def _files(path: str) -> list[str]:
    """What can be read of it: a lock beside it may be somebody else's alone."""
    found = [*files_of(path), *([] if os.path.isdir(path) else files_beside(path))]
    return [each for each in found if os.path.isfile(each) and os.access(each, os.R_OK)]


def _state(path: str) -> list[tuple[str, int, int]]:
    """Name, size in bytes, and time of the last change in nanoseconds, of each file."""
    found = ((each, os.stat(each)) for each in _files(path))
    return sorted((each, stat.st_size, stat.st_mtime_ns) for each, stat in found)
