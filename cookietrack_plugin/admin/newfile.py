"""A file that is there as a whole or not at all, for its owner alone."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from cookietrack_plugin.errors import ConfigError, StoreUnavailable
from cookietrack_plugin.stores.kit.files import flush_directory

# File systems without hard links say one of these.
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK)


@contextmanager
def new_file(path: str, force: bool) -> Iterator[IO[bytes]]:
    """
    The file within the block: written and read under another name beside it, flushed to disk, and
    put in place where the block ends without an error. Mode 0600.

    :param force: replaces a file that is there already.
    :raises ConfigError: there is one, and `force` is not set; or something that is no file, such
        as a link.
    :raises StoreUnavailable: it cannot be made, or there is no room.
    """
    directory, name = os.path.split(path)
    if not name:
        raise ConfigError(f"expected a file, found the directory {path}")
    directory = os.path.realpath(directory)
    path = os.path.join(directory, name)
    _check_free(path, force)
    fd, draft = _draft(directory, name)
    try:
        with os.fdopen(fd, "w+b") as file:
            yield file
            file.flush()
            os.fsync(fd)
        _put_in_place(draft, path, force)
        flush_directory(directory)
    except OSError as error:
        raise StoreUnavailable(f"{path} cannot be written: {error.strerror}") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(draft)


def _draft(directory: str, name: str) -> tuple[int, str]:
    try:
        return tempfile.mkstemp(prefix=f".{name}.", suffix=".partial", dir=directory)
    except OSError as error:
        raise StoreUnavailable(f"nothing can be made in {directory}: {error.strerror}") from error


def _check_free(path: str, force: bool) -> None:
    if os.path.islink(path):
        # Anybody who may write to the directory could make it lead to any file of ours.
        raise ConfigError(f"expected a file, found {path}, which is a link: name what it leads to")
    if os.path.lexists(path) and not os.path.isfile(path):
        # To replace a device would break the system.
        raise ConfigError(f"expected a file, found {path}, which is a directory or a device")
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{path} is there already: --force replaces it")


def _put_in_place(draft: str, path: str, force: bool) -> None:
    if not force:
        try:
            # Unlike a rename, this replaces no file that was made there in between.
            os.link(draft, path)
        except FileExistsError:
            _check_free(path, force)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            return
    os.replace(draft, path)
