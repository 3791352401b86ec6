"""The folder of a node's sockets, one for each worker, reached by the folder's descriptor."""

import errno
import os
import re
import socket
import stat
from contextlib import suppress

FOLDER = ".cookietrack"
_SUFFIX = ".sock"
# What a worker's id may be made of, so that it names a file in the folder.
_WORKER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Connections that wait to be accepted.
_BACKLOG = 16


class SocketFolder:
    """
    `.cookietrack` in a node directory, open until `close`. The path of a socket is at most 107
    bytes long, and a node directory's may be longer: so it begins with the folder's descriptor.

    :param directory: of the node, for messages.
    """

    def __init__(self, directory: str, fd: int) -> None:
        self.path = os.path.join(directory, FOLDER)
        self._fd = fd
        # Our own socket's name and inode.
        self._bound: tuple[str, int] | None = None

    @classmethod
    def make(cls, directory: str) -> "SocketFolder":
        """
        The folder of a node, made where it is missing; for its user alone.

        :raises OSError: it cannot be made, is no folder, or is another user's.
        """
        with suppress(FileExistsError):
            os.mkdir(os.path.join(directory, FOLDER), 0o700)
        folder = cls._open(directory)
        try:
            if folder._owner() != os.geteuid():
                raise PermissionError(errno.EPERM, "it is another user's", folder.path)
            os.fchmod(folder._fd, 0o700)
        except BaseException:
            folder.close()
            raise
        return folder

    @classmethod
    def find(cls, directory: str) -> "SocketFolder | None":
        """
        The folder of a node; None where there is none.

        :raises OSError: it belongs neither to this user nor to the owner of `directory`. Not even
            root uses what another user has put there.
        """
        try:
            folder = cls._open(directory)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if folder._owner() not in (os.geteuid(), os.stat(directory).st_uid):
            folder.close()
            raise PermissionError(errno.EACCES, "it is another user's", folder.path)
        return folder

    @classmethod
    def _open(cls, directory: str) -> "SocketFolder":
        return cls(directory, os.open(os.path.join(directory, FOLDER), _OPEN))

    def _owner(self) -> int:
        return os.fstat(self._fd).st_uid

    def workers(self) -> list[str]:
        """The ids of the workers that have a socket, sorted; some may have ended."""
        names = (name.removesuffix(_SUFFIX) for name in os.listdir(self._fd) if _is_ours(name))
        return sorted(names)

    def listen(self, worker: str) -> socket.socket:
        """
        A socket that listens for a worker; a stale one is replaced.

        :raises OSError: it cannot be made, or another process listens there.
        """
        if not _WORKER.fullmatch(worker):
            expected = "a worker id of at most 64 letters, digits, _, . and -"
            raise OSError(errno.EINVAL, f"expected {expected}, found {worker!r}")
        self._remove_stale(worker)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(self._address(worker))
            os.chmod(self._name(worker), 0o600, dir_fd=self._fd)
            listening.listen(_BACKLOG)
            listening.setblocking(False)
            self._bound = worker, self._stat(worker).st_ino
        except BaseException:
            listening.close()
            raise
        return listening

    def connect(self, worker: str, timeout_s: float) -> socket.socket:
        """
        A connection to a worker; its calls wait for `timeout_s` at most.

        :raises OSError: nobody listens there.
        """
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(timeout_s)
        try:
            connection.connect(self._address(worker))
        except BaseException:
            connection.close()
            raise
        return connection

    def remove(self) -> None:
        """Remove the socket that `listen` has made, unless another one has its name by now."""
        if self._bound is not None:
            (worker, inode), self._bound = self._bound, None
            with suppress(OSError):
                if self._stat(worker).st_ino == inode:
                    os.unlink(self._name(worker), dir_fd=self._fd)

    def close(self) -> None:
        """Close the descriptor. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _remove_stale(self, worker: str) -> None:
        try:
            if not stat.S_ISSOCK(self._stat(worker).st_mode):
                raise FileExistsError(errno.EEXIST, "it is no socket", self._name(worker))
            self.connect(worker, 1.0).close()
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            os.unlink(self._name(worker), dir_fd=self._fd)
            return
        raise OSError(errno.EADDRINUSE, "another process listens there", self._name(worker))

    def _stat(self, worker: str) -> os.stat_result:
        return os.stat(self._name(worker), dir_fd=self._fd, follow_symlinks=False)

    def _address(self, worker: str) -> str:
        return f"/proc/self/fd/{self._fd}/{self._name(worker)}"

    def _name(self, worker: str) -> str:
        return f"{worker}{_SUFFIX}"


def _is_ours(name: str) -> bool:
    return name.endswith(_SUFFIX) and _WORKER.fullmatch(name.removesuffix(_SUFFIX)) is not None
