"""Changes of the modes and owners of a store's files, which no link leads astray."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

# Called with a descriptor of the file, and what is known of it.
_Change = Callable[[int, os.stat_result], object]


def make_private(paths: Iterable[str]) -> None:
    """
    Take the rights of group and others from these files and directories.

    :raises OSError: one is not this user's, is a link, or has several names; the others are done.
    """
    _change_all(paths, lambda fd, found: os.fchmod(fd, stat.S_IMODE(found.st_mode) & 0o700))


def give(paths: Iterable[str], owner: os.stat_result) -> None:
    """
    Give these files and directories to `owner` and its group.

    :raises OSError: this is not root, one is a link, or has several names; the others are done.
    """
    _change_all(paths, partial(_give, owner=owner))


def _change_all(paths: Iterable[str], change: _Change) -> None:
    problems = []
    for path in paths:
        try:
            _change(path, change)
        except OSError as problem:
            problems.append(problem)
    if problems:
        raise problems[0]


def _give(fd: int, found: os.stat_result, owner: os.stat_result) -> None:
    os.fchown(fd, owner.st_uid, owner.st_gid)


def _change(path: str, change: _Change) -> None:
    with unaliased(path) as fd:
        change(fd, os.fstat(fd))


@contextmanager
def unaliased(path: str) -> Iterator[int]:
    """
    A descriptor of the directory or regular file at `path`, for the block. In a directory that is
    somebody else's, a link of either kind could lead to any file.

    :raises OSError: it is a link, something else, or a file with several names.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        found = os.fstat(fd)
        is_alone = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
        if not (is_alone or stat.S_ISDIR(found.st_mode)):
            raise OSError(errno.EPERM, f"{path} is no regular file, or has several names")
        yield fd
    finally:
        os.close(fd)
