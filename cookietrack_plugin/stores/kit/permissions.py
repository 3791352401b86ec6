"""Whether this user may use a store; what may not be seen is distinguished from what is absent."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress

from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreUnavailable
from cookietrack_plugin.stores.kit.files import files_beside, files_of
from cookietrack_plugin.stores.kit.owners import as_user, gift, name_of, rightful_owner

# Errors that are about the place, and not about the disk.
_WRONG_PLACE = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.EROFS,
    }
)
# Errors by which the system refuses to write.
_REFUSALS = (errno.EACCES, errno.EPERM, errno.EROFS)


def nearest(path: str) -> str:
    """`path`, or the nearest directory above it that this user can see."""
    while True:
        with suppress(OSError, ValueError):
            os.stat(path)
            return path
        path = os.path.dirname(path)


def is_absent(path: str) -> bool:
    """Whether nothing is at `path`, and not only nothing that this user may see."""
    return nearest(path) != path and not is_hidden(path)


def is_hidden(path: str) -> bool:
    """Whether this user may not read what is at `path`, or not even learn whether it is there."""
    there = nearest(path)
    if there == path:
        return not _may(path, _reading(path))
    return os.path.isdir(there) and not _may(there, os.X_OK)


def denied(
    path: str, error: BaseException | None = None, owner_of: str | None = None
) -> str | None:
    """
    Why this user cannot use the store at `path`, or make it where it is absent: who owns what is in
    the way, its mode, and what to do. None where permissions are not the reason.

    :param error: what using it has raised. In a directory that can be looked into, only an error
        that says so is about permissions: there may be no store in it.
    :param owner_of: the node directory, whose owner is expected to own the store; where that is not
        known, the directory in which the store lies.
    """
    culprits = list(_culprits(path))
    is_open = os.path.isdir(path) and not is_hidden(path)
    if not culprits or (is_open and error is not None and not _is_refusal(error)):
        return None
    return _told(culprits, path, owner_of or os.path.dirname(os.path.abspath(path)))


def is_read_only(path: str) -> bool:
    """
    Whether this user may read all of the store at `path`, and not write to all of it: it lies on a
    read-only file system, or its modes are like that.
    """
    try:
        files = files_of(path) if os.path.exists(path) else []
    except OSError:
        return False
    may_read = all(_may(each, _reading(each)) for each in files)
    return bool(files) and may_read and not all(_may(each, os.W_OK) for each in files)


def unusable(path: str, error: OSError) -> CookieTrackError:
    """
    What a store at `path` raises when opening it has raised `error`: `ConfigError` where waiting
    does not help, as it is about the place; `StoreUnavailable` where it is about the disk.
    """
    # Python's word for a directory that cannot be made where a file is.
    number = errno.ENOTDIR if error.errno == errno.EEXIST else error.errno
    why = denied(path, error) or f"{path} cannot be used: {os.strerror(number or 0)}"
    return (ConfigError if error.errno in _WRONG_PLACE else StoreUnavailable)(why)


def _told(culprits: Sequence[str], path: str, owner_of: str) -> str:
    culprit = culprits[0]
    if _is_mounted_read_only(culprit):
        return (
            f"{culprit} lies on a read-only file system: it can be read, and not written before the"
            " file system is mounted with rw"
        )
    found = os.stat(culprit)
    owner, user = name_of(found.st_uid), name_of(os.geteuid())
    mode = f"{stat.S_IMODE(found.st_mode):04o}"
    told = f"permission denied, {culprit} belongs to {owner} with mode {mode}"
    if found.st_uid == os.geteuid():
        return f"{told}: chmod u+rwX {culprit}"
    return f"{told}, and this is {user}: {_remedy(culprits, path, owner_of)}"


def _remedy(culprits: Sequence[str], path: str, owner_of: str) -> str:
    """Of a store of somebody else's: who can use it, and whose it is to be."""
    owner = os.stat(culprits[0]).st_uid
    home = rightful_owner(owner, owner_of)
    giving = None if home is None else gift(home, path, culprits)
    if home is None or giving is None:
        return as_user(owner)
    return f"as root {giving}" + ("" if home == os.geteuid() else f", then {as_user(home)}")


def _culprits(path: str) -> Iterator[str]:
    """What of the store, or of the way to it, may not be used."""
    there = nearest(path)
    if there != path:
        # Searched to look at what is in it, written to make something.
        if os.path.isdir(there) and not _may(there, os.X_OK | os.W_OK):
            yield there
        return
    try:
        files = files_of(path)
    except PermissionError:
        yield path
        return
    for each in [*files, *files_beside(path)]:
        if os.path.exists(each) and not _may(each, _reading(each) | os.W_OK):
            yield each


def _is_refusal(error: BaseException | None) -> bool:
    """Whether one of the chain of its causes is of the system's permissions."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return True
        if any(os.strerror(number) in str(error) for number in _REFUSALS):
            return True
        error = error.__cause__
    return False


def _reading(path: str) -> int:
    """What `os.access` asks for: to read a file, or to look into a directory."""
    return os.R_OK | (os.X_OK if os.path.isdir(path) else 0)


def _is_mounted_read_only(path: str) -> bool:
    with suppress(OSError):
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    return False


def _may(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=True)
