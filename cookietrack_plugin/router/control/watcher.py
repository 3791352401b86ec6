"""Sends events to a client as they come, even if it reads more slowly than that."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.nodesocket.wire import as_line
from cookietrack_plugin.tracking.audit import Audit


class Watcher:
    """
    A trail of the audit log that leads to a client, which gets the same lines. While the trail is
    paused, they are counted and lost; no session waits for it.

    :param write: sends bytes to the client, and waits for nothing.
    """

    required = False

    def __init__(self, audit: Audit, write: Callable[[bytes], None]) -> None:
        self._audit = audit
        self._send = write
        self._is_paused = False
        self._missed = 0

    def start(self) -> None:
        """Send lines from now on."""
        self._audit.add(self)

    def stop(self) -> None:
        """Send no more. Idempotent."""
        self._audit.remove(self)

    def pause(self) -> None:
        """Count lines from now on, and send none."""
        self._is_paused = True

    def resume(self) -> None:
        """Send how many lines were missed, and go on."""
        self._is_paused = False
        if self._missed:
            missed, self._missed = self._missed, 0
            self._send(as_line({"missed": missed}))

    def write(self, line: str) -> Deferred[None]:
        """A line of the audit log."""
        if self._is_paused:
            self._missed += 1
        else:
            self._send(f"{line}\n".encode())
        return succeed(None)

    def close(self) -> Deferred[None]:
        """Do nothing: it is closed with its connection."""
        return succeed(None)
