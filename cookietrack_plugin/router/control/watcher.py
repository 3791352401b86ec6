"""Events as they come, for a client that may be slower than they are."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed

from cookietrack_plugin.nodesocket.wire import as_line
from cookietrack_plugin.tracking.audit import Audit


class Watcher:
    """
    A trail of the audit log that leads to a client: the same lines. While it is paused they are
    counted, and lost; no session waits for it.

    :param write: sends bytes to the client, and waits for nothing.
    """

    required = False

    def __init__(self, audit: Audit, write: Callable[[bytes], None]) -> None:
        self._audit = audit
        self._send = write
        self._is_paused = False
        self._missed = 0

    def start(self) -> None:
        """From now on."""
        self._audit.add(self)

    def stop(self) -> None:
        """No longer. Idempotent."""
        self._audit.remove(self)

    def pause(self) -> None:
        """What happens from now on is only counted."""
        self._is_paused = True

    def resume(self) -> None:
        """Say how much was missed, and go on."""
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
        """It is closed with its connection."""
        return succeed(None)
