"""Log lines about records that cannot be decoded, which count as absent."""

from logging import Logger
from threading import Lock

from cookietrack_plugin.record import is_id

# How many of them a process names.
MAX_NAMED = 100


class UnreadableLog:
    """
    One line for each such record, once in a process. On any thread.

    :param place: the store, as people may see it.
    """

    def __init__(self, log: Logger, place: str) -> None:
        self._log = log
        self._place = place
        self._named: set[str] = set()
        self._lock = Lock()

    def note(self, id: object, reason: str) -> None:
        """
        Log that a record counts as absent.

        :param reason: what is wrong with it. Nothing of its content: there are secrets in it.
        """
        shown = id if isinstance(id, str) and is_id(id) else "(no id)"
        with self._lock:
            if shown in self._named or len(self._named) > MAX_NAMED:
                return
            self._named.add(shown)
            is_named = len(self._named) <= MAX_NAMED
        if is_named:
            self._log.warning(
                "%s: record %s cannot be decoded (%s): its client has to log in again; cookietrack"
                " revoke removes it",
                *(self._place, shown, reason),
            )
        else:
            self._log.warning(
                "%s: more records cannot be decoded, and are not named here", self._place
            )
