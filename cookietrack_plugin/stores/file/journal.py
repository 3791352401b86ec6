"""The file that a `file` store appends to, by itself or by a process of its own."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from logging import getLogger

from attrs import frozen

from cookietrack_plugin.errors import StoreFull, StoreUnavailable
from cookietrack_plugin.stores.child.worker import Child
from cookietrack_plugin.stores.file.appender import Appender
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.guard import Guard
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.place import Place
from cookietrack_plugin.stores.file.reserve import NO_ROOM, Reserve
from cookietrack_plugin.stores.file.writer import UNLOCKED

_log = getLogger(__name__)


@frozen
class Replaced:
    """A file that is no longer appended to, and the process that did so."""

    file: AppendFile
    child: Child | None

    def close(self) -> None:
        """May wait: the kernel takes a while to free a large file."""
        if self.child is not None:
            self.child.end()
        self.file.close()


class Journal:
    """
    Owns the file, its lock and the process. By one thread at a time.

    It acknowledges what it appends only if the file is still in its place, as it was left, and the
    lock is still ours. `reserve`: the room behind the file.

    :param apart: whether to append in a child process.
    """

    def __init__(self, place: Place, file: AppendFile, lock: FileLock, apart: bool) -> None:
        self._path = place.path
        self._file = file
        self._guard = Guard(place, lock)
        self.reserve = Reserve(file)
        self._appender = Appender(place.name, lock) if apart else None

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._file.size

    @property
    def has_process(self) -> bool:
        """False where `begin` never begins anything."""
        return self._appender is not None

    @property
    def is_trusted(self) -> bool:
        """False once it is not known what is on disk: only a new file helps, see `replace`."""
        return self._file.is_trusted

    @property
    def is_taken(self) -> bool:
        """True once another process has the file's place: what is there is not ours to replace."""
        return self._guard.is_taken

    def append(self, data: bytes, live: int | None) -> None:
        """
        Append `data` and wait until it is on disk.

        :param live: bytes of the records that are there: room to delete them has to remain. None
            where `data` deletes, and may use that room.
        :raises StoreFull, StoreUnavailable: it is not in the file, or that is not known.
        """
        self.check()
        with self._translated_errors():
            if live is not None:
                self.reserve.make_room(len(data), live)
            self._file.append(data)
            self._file.flush()
        self.check()

    def check(self) -> None:
        """
        Check that the file and the lock are still ours; take the lock again if its file is gone.

        :raises StoreUnavailable: the file is not trusted.
        """
        if not (self.is_trusted or self.is_taken):
            raise StoreUnavailable(f"the cookie file {self._path} is rewritten after a fault")
        with self._translated_errors():
            self._guard.check(self._file)

    def check_replaceable(self) -> None:
        """
        Before the file is replaced: whether what is in its place is ours to replace. May wait.

        :raises StoreUnavailable, OSError: it is not.
        """
        self._guard.check_replaceable(self._file)

    def begin(self, data: bytes, live: int | None) -> bool:
        """Have the process append `data`; waits for nothing. False where nothing was begun."""
        return (
            self._appender is not None
            and self.is_trusted
            and (live is None or self.reserve.has_room(len(data), live))
            and self._appender.begin(self._file, data)
        )

    def fileno(self) -> int:
        """A descriptor that can be read once there is something to `finish`."""
        assert self._appender
        return self._appender.fileno()

    def finish(self) -> bool:
        """
        Whether what was begun is over. Waits for nothing.

        :raises StoreFull, StoreUnavailable: as `append`.
        """
        assert self._appender
        with self._translated_errors():
            answer = self._appender.finish(self._file)
        if answer == UNLOCKED:
            self._guard.keep_lock()
        return answer is not None

    def start_process(self) -> None:
        """Start the process if `begin` has asked for one and there is none. May wait."""
        if self._appender is not None:
            try:
                self._appender.start(self._file)
            except OSError as error:
                _log.warning("no process can be started to write %s: %s", self._path, error)

    def replace(self, file: AppendFile) -> Replaced:
        """Append to `file` from now on; returns what it replaces, to be closed."""
        # The process has the old file.
        child = self._appender.release() if self._appender is not None else None
        old, self._file = self._file, file
        self.reserve.move(file)
        return Replaced(old, child)

    def close(self) -> None:
        """Idempotent."""
        if self._appender is not None:
            self._appender.end()
        self._file.close()
        self._guard.release()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Translate errors of the system, and note what follows from them for the reserve."""
        try:
            yield
        except OSError as error:
            cause = f"the cookie file {self._path} cannot be written: {error.strerror}"
            if error.errno == errno.ESTALE:
                message = "%s: %s; it is rewritten from memory"
                _log.warning(message, self._path, error.strerror)
            if error.errno in NO_ROOM:
                self.reserve.is_short = True
                if self.is_trusted:
                    raise StoreFull(cause) from error
            raise StoreUnavailable(cause) from error
