"""The two files of an environment before LMDB opens them: created, owned, and private."""

import os
import stat
from contextlib import suppress
from tempfile import mkstemp

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.lmdb.layout import is_unused
from cookietrack_plugin.stores.lmdb.place import DATA_FILE, LOCK_BYTES, LOCK_FILE, open_file

_DRAFT = "tmp"
_CHUNK = 2**20
# Pages behind the first two that the transaction which makes the tables writes.
_FIRST_PAGES = 2


def check_files(path: str) -> None:
    """
    Check that the files in the directory `path` are regular files with one name, as LMDB writes to
    what they lead to.

    :raises ConfigError: one is a symbolic link or no file, or has another name elsewhere.
    """
    for file in (os.path.join(path, name) for name in (DATA_FILE, LOCK_FILE)):
        try:
            found = os.lstat(file)
        except OSError:
            # Opening it raises the reason.
            continue
        if not stat.S_ISREG(found.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(found.st_mode) else "no regular file"
            raise ConfigError(f"{file} is {kind}: expected a file of its own, move it away")
        if found.st_nlink > 1 and _link_count(file, found) > 1:
            raise ConfigError(
                f"{file} is a hard link, and the same file has another name: expected a file of its"
                " own, replace it by a copy"
            )


def make_files(path: str) -> None:
    """
    Make what is missing in the directory `path`, for the owner of the directory: root may come
    first, and the node has to be able to use the files.

    :raises OSError: a file cannot be made, or the disk has no room for the locks.
    """
    data = os.path.join(path, DATA_FILE)
    if not os.path.lexists(data):
        _make(data, os.stat(path))
    make_lock_file(path)


def make_lock_file(path: str) -> None:
    """
    Make the lock file, or fill its holes: LMDB maps it, and a write to a hole on a full disk ends
    the process (SIGBUS). Not while this process has the environment open: closing the file drops
    LMDB's locks on it (fcntl(2)).
    """
    lock = os.path.join(path, LOCK_FILE)
    if not os.path.lexists(lock):
        _make(lock, os.lstat(os.path.join(path, DATA_FILE)))
    found = os.lstat(lock)
    if min(found.st_size, found.st_blocks * 512) < LOCK_BYTES:
        _allocate(lock)


def was_never_used(path: str) -> bool:
    """
    Whether the data file is there, and in a state that only a power cut can have left while it was
    made: as long as one of its two first pages has not reached the disk nothing was stored.
    """
    page = os.sysconf("SC_PAGESIZE")
    try:
        with open(os.path.join(path, DATA_FILE), "rb", opener=open_file) as data:
            metas = data.read(page), data.read(page)
            if not all(map(is_unused, metas)):
                return False
            # What the first transaction writes, which has no record, may be there before its page.
            data.read(_FIRST_PAGES * page)
            while chunk := data.read(_CHUNK):
                if chunk.strip(b"\0"):
                    return False
            return True
    except FileNotFoundError:
        return False


def empty_unused(path: str) -> None:
    """Empty a data file that was never used. No other process has it open."""
    with open(os.path.join(path, DATA_FILE), "r+b", opener=open_file) as data:
        data.truncate()


def _make(file: str, like: os.stat_result) -> None:
    """Make an empty file with the owner of `like`, atomically: its owner can always open it."""
    descriptor, draft = mkstemp(dir=os.path.dirname(file), prefix=_DRAFT)
    try:
        if os.geteuid() == 0:
            os.fchown(descriptor, like.st_uid, like.st_gid)
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(draft)


def _link_count(file: str, found: os.stat_result) -> int:
    """The number of its names, after removing a draft's that a killed process has left."""
    with os.scandir(os.path.dirname(file)) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.name.startswith(_DRAFT) and os.path.samestat(os.lstat(entry), found):
                    os.unlink(entry)
    return os.lstat(file).st_nlink


def _allocate(lock: str) -> None:
    descriptor = open_file(lock, os.O_RDWR)
    try:
        os.posix_fallocate(descriptor, 0, LOCK_BYTES)
    finally:
        os.close(descriptor)
