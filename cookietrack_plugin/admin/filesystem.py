"""Checks of a store's place: permissions, free space, the file system; and of the clock."""

import os
import re
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import psutil
from attrs import evolve

from cookietrack_plugin.admin.finding import NOW, OPEN, SOON, Finding, error, ok, warning
from cookietrack_plugin.admin.mending import make_private
from cookietrack_plugin.admin.ownercheck import check_owner
from cookietrack_plugin.admin.text import absolute, now_ms, size
from cookietrack_plugin.stores.kit.files import files_beside, files_of, named_shortly
from cookietrack_plugin.stores.kit.permissions import denied, nearest

# Memory maps and locks do not work there as stores need them.
NETWORK = re.compile(r"nfs|cifs|smb|9p|afs|ceph|glusterfs|lustre|gpfs|ocfs|sshfs|davfs")
LITTLE, TOO_LITTLE = 100 * 2**20, 10 * 2**20
# Milliseconds: a clock that is before the first release of this package is wrong.
EARLIEST = 1_735_689_600_000
# Milliseconds by which a file may be younger than now.
TOLERANCE = 60_000


def check_place(about: str, path: str, node_dir: str | None, is_store: bool) -> Iterator[Finding]:
    """
    :param path: of the store: a file, a directory, or where one is going to be.
    :param node_dir: who owns this is expected to own the store too. None for a store that was named
        without its node: all its files are to be of one user.
    :param is_store: what is there is known to be one; in anything else nothing is mended.
    """
    there = nearest(path)
    if (why := denied(path, owner_of=node_dir)) is not None:
        yield error(about, why)
    elif there != path and not os.path.isdir(there):
        yield error(
            about,
            f"it cannot be made: {there} is no directory: move that away, or choose another place",
        )
    elif there == path:
        # The store's own name may be a link. What another one leads to is no part of it.
        path = os.path.realpath(path)
        found = (*files_of(path), *files_beside(path))
        files = [each for each in found if not os.path.islink(each)]
        owners = check_owner(about, path, files, node_dir or path)
        modes = _check_modes(about, path, files)
        yield from (each if is_store else evolve(each, mend=None) for each in (*owners, *modes))
        yield from _check_age(about, files)
    yield _check_room(about, there)
    yield from _check_mount(about, there)


def check_clock() -> Finding:
    """Whether the system's clock, by which cookies expire, can be right."""
    now = now_ms()
    if now < EARLIEST:
        return error(
            "clock", f"{absolute(now)} is in the past, and cookies expire by the clock: set it"
        )
    return ok("clock", absolute(now))


def mount_type(path: str) -> str:
    """The type of the file system that `path` lies in, empty where that is unknown."""
    # Of two that are mounted at one place, the later one is seen.
    found = ("", "")
    for each in _mounts():
        if _is_below(path, each.mountpoint) and len(each.mountpoint) >= len(found[0]):
            found = (each.mountpoint, each.fstype)
    return found[1]


def _mounts() -> Sequence[Any]:
    try:
        return psutil.disk_partitions(all=True)
    # A container may have no /proc.
    except OSError:
        return []


def _is_below(path: str, point: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{point.rstrip('/')}/")


def _check_modes(about: str, path: str, files: Sequence[str]) -> Iterator[Finding]:
    open_ones = [each for each in files if _is_open(each)]
    if os.path.isdir(path) and not _is_open(path):
        # Nobody else gets at what is in it: some engines give their files no modes of their own.
        open_ones = [each for each in open_ones if os.path.dirname(each) != path]
    if not open_ones:
        yield ok(about, "only its owner can read it")
        return
    yield warning(
        about,
        "users other than its owner can use it:"
        f" chmod -R go-rwx {' '.join(named_shortly(path, open_ones))}",
        OPEN,
        partial(make_private, open_ones),
    )


def _is_open(path: str) -> bool:
    return os.stat(path).st_mode & 0o077 != 0


def _check_age(about: str, files: Sequence[str]) -> Iterator[Finding]:
    latest = max(int(os.stat(each).st_mtime * 1000) for each in files)
    if latest > now_ms() + TOLERANCE:
        yield warning(
            about,
            f"it was written at {absolute(latest)}, which is in the future: the clock was set back,"
            " and cookies live longer by the difference. Set the clock",
        )


def _check_room(about: str, path: str) -> Finding:
    free = psutil.disk_usage(path).free
    if free >= LITTLE:
        return ok(about, f"{size(free)} free on its disk")
    level, urgency = (error, NOW) if free < TOO_LITTLE else (warning, SOON)
    message = f"{size(free)} free on its disk: make room, or new cookies and logins are refused"
    return level(about, message, urgency)


def _check_mount(about: str, path: str) -> Iterator[Finding]:
    kind = mount_type(path)
    if NETWORK.search(kind):
        yield warning(
            about,
            f"it lies on a network file system ({kind}), where locks and memory maps fail: put it"
            " on a local disk, or use a store with a server (`sql`, `redis`)",
        )
