"""Messages that are held back until something is durable."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred


class HeldMessages:
    """What a connection is about to send. Everything behind a held message waits too, in order."""

    def __init__(self) -> None:
        self._held: list[Callable[[], None]] | None = None
        # How many Deferreds have still to fire.
        self._pending = 0

    def hold(self, until: Deferred[Any], failed: Callable[[Any], None]) -> None:
        """
        Hold back what is sent from now on, and send it when `until`, and all that was held for
        before, has fired.

        :param failed: called with the failure if `until` fails; what is held is dropped then.
        """
        if self._held is None:
            self._held = []
        self._pending += 1
        until.addCallbacks(lambda _: self._fired(), lambda failure: self._fail(failure, failed))

    def send(self, send: Callable[[], None]) -> None:
        """Send now, or when it is its turn."""
        if self._held is None:
            send()
        else:
            self._held.append(send)

    def drop(self) -> None:
        """Send nothing of what is held."""
        self._held = None

    def _fired(self) -> None:
        self._pending -= 1
        if self._pending == 0:
            held, self._held = self._held or [], None
            for send in held:
                send()

    def _fail(self, failure: Any, failed: Callable[[Any], None]) -> None:
        self._pending -= 1
        self.drop()
        failed(failure)
