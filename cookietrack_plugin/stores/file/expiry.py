"""The order in which records expire, in some 25 bytes a record."""

from collections.abc import Callable
from heapq import heappop, heappush

from cookietrack_plugin.stores.kit.throttle import Throttle

# Records that expire in the same 65.5 s share a bucket.
_SHIFT = 16


class ExpiryQueue:
    """
    Keys in buckets by the time at which they may expire. Only the bucket that is falling due is
    sorted.

    A key may be filed too early, or its record may be gone: it is checked when its bucket falls
    due, so extending a record's life costs nothing until then.

    :param expires_of: when the record of a key expires (milliseconds), None where it is gone.
    :param throttle: for `take`: just after a file was opened, many keys that are due may be gone.
    """

    def __init__(self, expires_of: Callable[[bytes], int | None], throttle: Throttle) -> None:
        self._expires_of = expires_of
        self._throttle = throttle
        # The keys of a bucket are one string of bytes, with a line end behind each: a list would
        # take as much, and the garbage collector would look at every key in it.
        self._buckets: dict[int, bytearray] = {}
        self._numbers: list[int] = []
        # The bucket that is falling due, and what of it is not due yet.
        self._open = -1
        self._ordered: list[tuple[int, bytes]] = []

    def add(self, key: bytes, expires: int) -> None:
        """File a record that is new, or expires earlier than it did."""
        number = expires >> _SHIFT
        if number == self._open:
            heappush(self._ordered, (expires, key))
            return
        bucket = self._buckets.get(number)
        if bucket is None:
            bucket = self._buckets[number] = bytearray()
            heappush(self._numbers, number)
        bucket += key
        bucket += b"\n"

    def take(self, now: int, limit: int) -> list[bytes]:
        """Remove and return at most `limit` keys of records with `expires <= now`."""
        due: dict[bytes, None] = {}
        while len(due) < limit and (key := self._next(now)) is not None:
            expires = self._expires_of(key)
            if expires is not None and expires <= now:
                due[key] = None
                continue
            if expires is not None:
                self.add(key, expires)
            self._throttle.pause_if_due()
        return list(due)

    def _next(self, now: int) -> bytes | None:
        """Remove and return a key that may be due; None where no more are."""
        self._open = now >> _SHIFT
        while self._numbers and self._numbers[0] <= self._open:
            bucket = self._buckets[self._numbers[0]]
            if bucket:
                return _pop(bucket)
            del self._buckets[heappop(self._numbers)]
        if self._ordered and self._ordered[0][0] <= now:
            return heappop(self._ordered)[1]
        return None


def _pop(bucket: bytearray) -> bytes:
    start = bucket.rfind(b"\n", 0, -1) + 1
    key = bytes(bucket[start:-1])
    del bucket[start:]
    return key
