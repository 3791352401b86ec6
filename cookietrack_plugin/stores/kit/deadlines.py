"""The order in which records expire, kept without ever looking at all of them."""

from heapq import heappop, heappush

from cookietrack_plugin.record import Cookie

SECOND = 1000


class Deadlines:
    """
    Ids by the second in which they expire, the next second first.

    A second stays in the queue until it has passed, even when it has lost its last id. So the queue
    cannot grow by more than one entry a second, however many records come and go.
    """

    def __init__(self) -> None:
        self._queue: list[int] = []
        self._ids: dict[int, dict[str, int]] = {}

    def add(self, cookie: Cookie) -> None:
        second = cookie.expires // SECOND
        if second not in self._ids:
            self._ids[second] = {}
            heappush(self._queue, second)
        self._ids[second][cookie.id] = cookie.expires

    def discard(self, cookie: Cookie) -> None:
        self._ids.get(cookie.expires // SECOND, {}).pop(cookie.id, None)

    def take(self, now: int, limit: int) -> list[str]:
        """Remove and return at most `limit` ids with `expires <= now` (milliseconds)."""
        taken: list[str] = []
        while self._queue and self._queue[0] <= now // SECOND:
            ids = self._ids[self._queue[0]]
            taken += _take_due(ids, now, limit - len(taken))
            if ids:
                break
            del self._ids[heappop(self._queue)]
        return taken


def _take_due(ids: dict[str, int], now: int, limit: int) -> list[str]:
    """The same for the ids of one second; only in the one that has begun are there any to keep."""
    due: list[str] = []
    kept = {}
    while ids and len(due) < limit:
        id, expires = ids.popitem()
        if expires <= now:
            due.append(id)
        else:
            kept[id] = expires
    ids.update(kept)
    return due
