"""The file that a `file` store appends to, by itself or by a process of its own."""

import errno
from logging import getLogger

from cookietrack_plugin.errors import CookieTrackError, StoreFull, StoreUnavailable
from cookietrack_plugin.stores.file.appender import Appender
from cookietrack_plugin.stores.file.disk import AppendFile

_log = getLogger(__name__)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Journal:
    """
    Owns the file and the process. By one thread at a time.

    :param appender: None to append here alone.
    """

    def __init__(self, path: str, file: AppendFile, appender: Appender | None) -> None:
        self._path = path
        self._file = file
        self._appender = appender

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

    def append(self, data: bytes) -> None:
        """
        Append `data` and wait until it is on disk.

        :raises StoreFull, StoreUnavailable: it is not in the file, or that cannot be known.
        """
        if not self.is_trusted:
            raise StoreUnavailable(f"the cookie file {self._path} is rewritten after a fault")
        try:
            self._file.append(data)
            self._file.flush()
        except OSError as error:
            raise self._fault(error) from error

    def begin(self, data: bytes) -> bool:
        """Let the process append `data`; waits for nothing. False where nothing was begun."""
        return (
            self._appender is not None
            and self.is_trusted
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
        try:
            return self._appender.finish(self._file)
        except OSError as error:
            raise self._fault(error) from error

    def start_process(self) -> None:
        """Start the process if `begin` has asked for one and there is none. May wait."""
        if self._appender is not None:
            try:
                self._appender.start(self._file)
            except OSError as error:
                _log.warning("no process can be started to write %s: %s", self._path, error)

    def replace(self, file: AppendFile) -> AppendFile:
        """Append to `file` from now on; returns the file that it replaces, to be closed."""
        if self._appender is not None:
            # It has the old one.
            self._appender.end()
        old, self._file = self._file, file
        return old

    def close(self) -> None:
        """Idempotent."""
        if self._appender is not None:
            self._appender.end()
        self._file.close()

    def _fault(self, error: OSError) -> CookieTrackError:
        cause = f"the cookie file {self._path} cannot be written: {error.strerror}"
        if self.is_trusted and error.errno in _NO_ROOM:
            return StoreFull(cause)
        return StoreUnavailable(cause)
