"""Whether the `file` store's place is still its own: its file, and its lock."""

from logging import getLogger

from cookietrack_plugin.errors import StoreLocked, StoreUnavailable
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.lock import FileLock
from cookietrack_plugin.stores.file.place import Place, is_same

_log = getLogger(__name__)
# Seconds to wait for a process that only looks whether the lock is free.
_LOCK_PATIENCE_S = 0.5


class Guard:
    """Watches a place, and owns its lock. By one thread at a time."""

    def __init__(self, place: Place, lock: FileLock) -> None:
        self._place = place
        self._lock = lock
        # Whether that was logged.
        self._lacks_lock = False
        # Why nothing can be stored any more.
        self._taken: StoreLocked | None = None

    @property
    def is_taken(self) -> bool:
        """True once another process has the place: what is there is not ours to replace."""
        return self._taken is not None

    def check(self, file: AppendFile) -> None:
        """
        Check that `file` is there as it was left. The lock is taken again if its file is gone.

        :raises StoreLocked: another process has a store there.
        :raises OSError: ESTALE where `file` is not as it was left; it is no longer trusted.
        """
        if self._taken:
            raise StoreLocked(str(self._taken))
        file.check(self._place.name)
        self.keep_lock()

    def check_replaceable(self, file: AppendFile) -> None:
        """
        Check that what is there is ours to replace. May wait.

        :raises StoreUnavailable, OSError: it is not.
        """
        self._place.check_link()
        try:
            self._lock.ensure(patience=_LOCK_PATIENCE_S)
        except StoreLocked as error:
            # A process that has the lock but not the file is only trying to open it.
            if is_same(self._place.path, file.fileno()):
                raise
            self._taken = StoreLocked(f"{error}, which took it over: restart this node")
            raise self._taken from error

    def keep_lock(self) -> None:
        """
        Take the lock again if its file is gone. Until that succeeds no other process writes to the
        file, as the file itself is locked, too.
        """
        try:
            self._lock.ensure(patience=0)
        except (OSError, StoreUnavailable) as error:
            if not self._lacks_lock:
                _log.warning("%s cannot be locked again yet: %s", self._lock.path, error)
            self._lacks_lock = True
        else:
            self._lacks_lock = False

    def release(self) -> None:
        """Idempotent."""
        self._lock.release()
