"""The records of the `file` store in memory, each as the JSON text that it has in the file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest

from cookietrack_plugin.stores.file.encoding import expires_of
from cookietrack_plugin.stores.file.expiry import ExpiryQueue
from cookietrack_plugin.stores.file.lines import GONE, LINE_SIZE, State
from cookietrack_plugin.stores.kit.throttle import Throttle

# Records that `walk` gives at a time.
_STEP = 100
_PAUSE_S = 0.0005


class FileTable:
    """
    Texts by key. One thread alters it; others read at the same moment, and wait for nothing.

    :param pause: seconds, for other threads, after each millisecond of reading all of it, or of
        passing over what is gone: see `Throttle`.
    """

    def __init__(self, pause: float = _PAUSE_S) -> None:
        self._pause = pause
        # By the last byte of the key: a dictionary of millions of records would stop every other
        # thread for as long as it takes to grow.
        self._shards: dict[bytes, dict[bytes, bytes]] = {bytes([n]): {} for n in range(256)}
        # What the last commit altered. Readers look here first: so it takes effect at once.
        self._latest: Mapping[bytes, bytes] = {}
        self._queue = self.new_queue()
        self._bytes = 0
        self.count = 0

    @property
    def live(self) -> int:
        """How many bytes the file would have if each record stood in it once."""
        return self._bytes + self.count * LINE_SIZE

    def get(self, key: bytes) -> bytes | None:
        """The record's text, None where it is absent; on other threads, maybe half of a commit."""
        return self._shard(key).get(key)

    def load(self, keys: Sequence[bytes]) -> Mapping[bytes, bytes]:
        """The texts of those that are there, either all before a commit or all after it."""
        while True:
            latest = self._latest
            found = {key: latest.get(key) or self.get(key) for key in keys}
            if self._latest is latest:
                return {key: text for key, text in found.items() if text not in (None, GONE)}

    def commit(self, states: Sequence[State]) -> None:
        """Give records a new text, or remove them."""
        self._latest = dict(states)
        self.fill(states)

    def fill(self, states: Iterable[State]) -> None:
        """The same before there are readers, for any number of states."""
        for key, text in states:
            shard = self._shard(key)
            old = shard.get(key)
            if old is not None:
                self._replace(shard, key, old, text)
            elif text != GONE:
                shard[key] = text
                self.count += 1
                self._bytes += len(key) + len(text)
                self._queue.add(key, expires_of(text))

    def walk(self) -> Iterator[Sequence[State]]:
        """
        All records, a few at a time, with a pause now and then for other threads. What is altered
        during the walk is given in one of its states or not at all.
        """
        throttle = Throttle(self._pause)
        for shard in list(self._shards.values()):
            states = list(shard.items())
            for start in range(0, len(states), _STEP):
                yield states[start : start + _STEP]
                throttle.pause_if_due()

    def after(self, key: bytes, limit: int) -> Sequence[State]:
        """
        The first `limit` records behind `key`, ordered by the last byte of their keys and then the
        rest; the first of all are behind `b""`. One that is deleted by then is GONE.
        """
        found: list[State] = []
        for end, shard in self._shards.items():
            if end >= key[-1:]:
                behind = (each for each in list(shard) if end > key[-1:] or each > key)
                keys = nsmallest(limit - len(found), behind)
                found += ((each, shard.get(each, GONE)) for each in keys)
            if len(found) == limit:
                break
        return found

    def due(self, now: int, limit: int) -> Sequence[bytes]:
        """At most `limit` keys with `expires <= now`. Each is named once: see `put_off`."""
        return self._queue.take(now, limit)

    def put_off(self, keys: Iterable[bytes]) -> None:
        """Let `due` name the keys again, as their records could not be removed."""
        for key in keys:
            self._queue.add(key, self._expires_of(key) or 0)

    def new_queue(self) -> ExpiryQueue:
        """An order of expiry without any record, to be filled and then taken by `use_queue`."""
        return ExpiryQueue(self._expires_of, Throttle(self._pause))

    def use_queue(self, queue: ExpiryQueue) -> None:
        """Take another order of expiry, free of what has been deleted. Every record is in it."""
        self._queue = queue

    def _shard(self, key: bytes) -> dict[bytes, bytes]:
        # Also of no byte at all: a client may call anything its cookie.
        return self._shards[key[-1:] or b"\0"]

    def _expires_of(self, key: bytes) -> int | None:
        text = self.get(key)
        return None if text is None else expires_of(text)

    def _replace(self, shard: dict[bytes, bytes], key: bytes, old: bytes, text: bytes) -> None:
        if text == GONE:
            del shard[key]
            self.count -= 1
            self._bytes -= len(key) + len(old)
            return
        shard[key] = text
        self._bytes += len(text) - len(old)
        expires = expires_of(text)
        if expires < expires_of(old):
            self._queue.add(key, expires)
