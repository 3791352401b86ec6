"""Reads a store's feed of revocations on a thread of its own, which can wait for a signal."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from cookietrack_plugin.access.thread import BatchingThread
from cookietrack_plugin.interfaces import IRevocationSignal
from cookietrack_plugin.record import UserRevoked
from cookietrack_plugin.stores.kit.backoff import AWAY_S, Backoff

# The longest wait for a signal. A revocation that the store fails to signal is then still known
# within a second.
MAX_WAIT_S = 0.8


@frozen
class FeedPage:
    """
    What one call of `IRevocationFeed.revoked_since` gave.

    `revoked`: what was revoked up to `position`. `asked`: when the store was asked for it, in
    seconds of the monotonic clock. `signalled`: whether the store can signal; `cause`: why a store
    with `IRevocationSignal` cannot.
    """

    revoked: list[str | UserRevoked]
    position: Any
    asked: float
    signalled: bool
    cause: Exception | None


class FeedReader:
    """
    Reads one page at a time. On the reactor's thread.

    :param store: with `IRevocationFeed`, and perhaps `IRevocationSignal`.
    """

    def __init__(self, store: Any, reactor: Any) -> None:
        self._store = store
        self._seconds: Callable[[], float] = reactor.seconds
        self._signal = SignalWaiter(store, reactor.seconds)
        self._thread: BatchingThread[Any] = BatchingThread("cookietrack-feed", self._read, reactor)

    def read(self, position: Any) -> Deferred[FeedPage]:
        """
        What was revoked since `position`. Waits for a signal first, where the store gives one.

        Fails as `IRevocationFeed.revoked_since` does.
        """
        return self._thread.put(position)

    def close(self) -> Deferred[None]:
        """End the thread. Idempotent."""
        self._signal.stop()
        return self._thread.close()

    def _read(self, positions: Iterable[Any]) -> list[FeedPage]:
        return [self._read_page(position) for position in positions]

    def _read_page(self, position: Any) -> FeedPage:
        # It listens before it asks: nothing comes in between.
        signalled = self._signal.wait()
        asked = self._seconds()
        revoked, position = self._store.revoked_since(position)
        return FeedPage(list(revoked), position, asked, signalled, self._signal.cause)


class SignalWaiter:
    """
    Waits for the signal of a store with `IRevocationSignal`, and backs off while the store cannot
    give it. Does not wait for other stores.

    :param seconds: the monotonic clock.
    """

    def __init__(self, store: Any, seconds: Callable[[], float]) -> None:
        self._signal = store if IRevocationSignal.providedBy(store) else None
        self._seconds = seconds
        self._backoff = Backoff(*AWAY_S)
        self._retry_at = float("-inf")
        # Why a store that could signal does not.
        self.cause: Exception | None = None

    def wait(self) -> bool:
        """
        Wait for a signal, for `MAX_WAIT_S` at most; whether the store can give one. On the feed's
        thread.
        """
        if self._signal is None or self._seconds() < self._retry_at:
            return False
        try:
            self._signal.await_revocation(MAX_WAIT_S)
        except Exception as error:  # noqa: BLE001 - polling needs no signal
            self._retry_at = self._seconds() + self._backoff.pause()
            self.cause = error
            return False
        self._backoff.reset()
        self.cause = None
        return True

    def stop(self) -> None:
        """Wait no more. On the reactor's thread, which then closes the store: raises nothing."""
        if self._signal is not None:
            with suppress(Exception):
                self._signal.interrupt()
