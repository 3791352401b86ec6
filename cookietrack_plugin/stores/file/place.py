"""Where a `file` store's file is, and whether what is there now is what the store left there."""

import errno
import os
import stat

from attrs import frozen

from cookietrack_plugin.errors import ConfigError, StoreCorrupt, StoreUnavailable


@frozen
class Place:
    """
    `name`: the file as it is configured. `path`: where that leads, through symbolic links. The
    lock, the reserve and a new file lie beside it there.
    """

    name: str
    path: str

    @classmethod
    def of(cls, name: str) -> "Place":
        return cls(os.path.abspath(name), os.path.realpath(name))

    def check(self) -> None:
        """
        :raises StoreCorrupt: what is there is no regular file.
        :raises ConfigError: a file system is mounted there, so no other file can replace it.
        """
        if os.path.exists(self.path) and not stat.S_ISREG(os.stat(self.path).st_mode):
            kind = "a directory" if os.path.isdir(self.path) else "no regular file"
            raise StoreCorrupt(f"{self.path} is {kind}, and no cookie file")
        if self.path in _mount_points():
            raise ConfigError(
                f"the cookie file {self.path} is a mount point, so it can never be rewritten: "
                f"mount a directory, and name a file in it"
            )

    def check_link(self) -> None:
        """:raises StoreUnavailable: the name leads elsewhere since the store was opened."""
        if (path := os.path.realpath(self.name)) != self.path:
            raise StoreUnavailable(
                f"the cookie file {self.name} leads to {path} now, and led to {self.path} when it "
                f"was opened: put the link back, or restart the node"
            )


def check_unaltered(name: str, file: os.stat_result, size: int) -> None:
    """
    :param file: the file that a process has open.
    :param size: how many bytes that process has left in it.
    :raises OSError: ESTALE where another file is at `name`, or this one was altered.
    """
    try:
        found = os.stat(name)
    except FileNotFoundError:
        raise _stale("it was removed") from None
    if (found.st_dev, found.st_ino) != (file.st_dev, file.st_ino):
        raise _stale("it was replaced by another file")
    if found.st_nlink != 1:
        raise _stale("it got another name (a hard link)")
    if found.st_size != size:
        raise _stale(f"it was altered: expected {size} bytes, found {found.st_size}")


def is_same(path: str, fd: int) -> bool:
    """Whether the file at `path`, which is no link, is the one that is open as `fd`."""
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(fd))


def _stale(reason: str) -> OSError:
    return OSError(errno.ESTALE, reason)


def _mount_points() -> set[str]:
    """Empty where the system does not tell."""
    # The writer process imports this module, and does not need psutil in memory.
    import psutil

    try:
        return {each.mountpoint for each in psutil.disk_partitions(all=True)}
    except OSError:
        return set()
