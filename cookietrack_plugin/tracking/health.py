"""Whether a store can be relied on, by what is known without asking it."""

from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.tracking.freshness import MAX_STALE_S, Freshness


class Health:
    """Of one store. On the reactor's thread; nothing here waits."""

    def __init__(self, store: AsyncStore, freshness: Freshness) -> None:
        self._store = store
        self._freshness = freshness

    def cause(self) -> str | None:
        """Why clients should go to another worker now; None if they are served here."""
        if refusal := self._store.refusal():
            return str(refusal)
        age = self.feed_age()
        if age is not None and age > MAX_STALE_S:
            return f"revocations of other workers have not been known for {age:.0f} seconds"
        return None

    def queue_age(self) -> float:
        """For how many seconds the oldest write has waited for the store; 0 where none does."""
        return self._store.queue_age()

    def feed_age(self) -> float | None:
        """See `Freshness.age`."""
        return self._freshness.age()
