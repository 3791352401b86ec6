"""Where a store lies: who can read it, is there room, is the place fit for it, and the clock."""

import os
import re
from collections.abc import Iterator

from cookietrack_plugin.admin.finding import Finding, error, ok, warning
from cookietrack_plugin.admin.text import absolute, now_ms, size

# Memory maps and locks do not work there as stores need them.
NETWORK = re.compile(r"nfs|cifs|smb|9p|afs|ceph|glusterfs|lustre|gpfs|ocfs|sshfs|davfs")
LITTLE, TOO_LITTLE = 100 * 2**20, 10 * 2**20
# The first release of this package is younger.
EARLIEST = 1_735_689_600_000
# Milliseconds by which a file may be younger than now.
TOLERANCE = 60_000
MOUNTS = "/proc/self/mounts"


def check_place(about: str, path: str, owner_of: str) -> Iterator[Finding]:
    """
    :param path: of the store: a file, a directory, or where one is going to be.
    :param owner_of: who owns this is expected to own the store too.
    """
    there = path
    while not os.path.exists(there):
        there = os.path.dirname(there)
    if there == path:
        yield from _check_permissions(about, path, owner_of)
        yield from _check_age(about, path)
    elif not os.access(there, os.W_OK):
        yield error(about, f"it cannot be made: {there} is not writable")
    yield _check_room(about, there)
    yield from _check_mount(about, there)


def check_clock() -> Finding:
    """Expiry goes by the system's clock."""
    now = now_ms()
    if now < EARLIEST:
        return error("clock", f"{absolute(now)} is in the past: no cookie would expire in time")
    return ok("clock", absolute(now))


def mount_type(path: str) -> str:
    """The type of the file system that `path` lies in, empty where that is unknown."""
    best = ("", "")
    try:
        with open(MOUNTS, encoding="utf-8") as file:
            for line in file:
                _, point, kind = line.split(" ", 3)[:3]
                # As the kernel writes a space in a name.
                point = point.replace("\\040", " ")
                if _is_below(path, point) and len(point) >= len(best[0]):
                    best = (point, kind)
    except (OSError, ValueError):
        return ""
    return best[1]


def _is_below(path: str, point: str) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{point.rstrip('/')}/")


def _check_permissions(about: str, path: str, owner_of: str) -> Iterator[Finding]:
    files = _files(path)
    if open_ones := [each for each in files if os.stat(each).st_mode & 0o077]:
        names = " ".join(open_ones)
        yield warning(about, f"others than its owner can use it: chmod go-rwx {names}")
    else:
        yield ok(about, "only its owner can read it")
    expected = os.stat(owner_of).st_uid
    if foreign := [each for each in files if os.stat(each).st_uid != expected]:
        yield warning(
            about, f"{' '.join(foreign)} belongs to another user than {owner_of}: chown it"
        )


def _check_age(about: str, path: str) -> Iterator[Finding]:
    latest = max(int(os.stat(each).st_mtime * 1000) for each in _files(path))
    if latest > now_ms() + TOLERANCE:
        yield warning(
            about,
            f"it was written at {absolute(latest)}, which is in the future: the clock was set back,"
            " and cookies live longer by that",
        )


def _check_room(about: str, path: str) -> Finding:
    disk = os.statvfs(path)
    free = disk.f_bavail * disk.f_frsize
    level = error if free < TOO_LITTLE else warning if free < LITTLE else ok
    return level(about, f"{size(free)} free on its disk")


def _check_mount(about: str, path: str) -> Iterator[Finding]:
    kind = mount_type(path)
    if NETWORK.search(kind):
        yield warning(
            about,
            f"it lies on a network file system ({kind}), where locks and memory maps fail: put it"
            " on a local disk, or use a store with a server (`sql`, `redis`)",
        )


def _files(path: str) -> list[str]:
    """What a store consists of: itself, and what is directly in it."""
    if not os.path.isdir(path):
        return [path]
    return [path, *(entry.path for entry in os.scandir(path))]
