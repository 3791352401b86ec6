"""When everything that other workers and nodes revoked was last known here."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed

# Seconds for which a record is as good as when it was read, if the feed does not answer.
MAX_STALE_S = 2.0


class Freshness:
    """
    Up to where the feed was read. The feed writes it, the tracker reads it. On the reactor's
    thread.

    `position`: what the feed was read up to; None if the store has no feed, as nobody else can
    revoke anything then. `last_synced`: when that was asked for, in seconds of the monotonic clock.
    """

    def __init__(self, seconds: Callable[[], float], position: Any = None) -> None:
        self._seconds = seconds
        self.position = position
        self.last_synced = seconds()
        self._waiters: list[tuple[float, Deferred[None]]] = []
        self._stopped = False
        # Called when a caller waits for the feed.
        self.on_demand: Callable[[], None] = lambda: None

    def is_stale(self, read: float) -> bool:
        """Whether others may have ended what was read at `read` without this worker knowing it."""
        if self.position is None:
            return False
        return self._seconds() - max(self.last_synced, read) > MAX_STALE_S

    def has_synced_since(self, moment: float) -> bool:
        """Whether all that others had ended by `moment`, on the monotonic clock, has ended here."""
        return self.position is not None and self.last_synced > moment

    def age(self) -> float | None:
        """Seconds since the feed's latest page in effect was asked for; None without a feed."""
        return None if self.position is None else self._seconds() - self.last_synced

    def synced(self, position: Any, asked: float) -> None:
        """Everything up to `position`, which was asked for at `asked`, has taken effect here."""
        self.position, self.last_synced = position, asked
        done = [waiter for since, waiter in self._waiters if since <= asked]
        self._waiters = [each for each in self._waiters if each[0] > asked]
        for waiter in done:
            waiter.callback(None)

    def next_sync(self) -> Deferred[None]:
        """
        Fires when everything that is revoked by now has taken effect here, and also if the feed
        fails or ends.
        """
        if self.position is None or self._stopped:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiters.append((self._seconds(), waiter))
        self.on_demand()
        return waiter

    def is_awaited(self) -> bool:
        """Whether a Deferred of `next_sync` has still to fire."""
        return bool(self._waiters)

    def stop(self) -> None:
        """The feed has ended. Idempotent."""
        self._stopped = True
        self.failed()

    def failed(self) -> None:
        """The feed does not answer now: fire the Deferreds of `next_sync`."""
        waiters, self._waiters = self._waiters, []
        for _, waiter in waiters:
            waiter.callback(None)
