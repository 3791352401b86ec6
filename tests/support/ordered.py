"""An engine that keeps keys in order, in memory: with a limit, and with another writer."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.kit.ordered.engine import Result, View, Writes


class DictEngine:
    """
    `kept`: what it has. `intruder`: is called once between a plan and its writes. `largest`: the
    most keys that a write has read, and the most that it has altered. `looks`: how often it was
    asked for keys.
    """

    def __init__(self, max_keys: int | None = None, is_locking: bool = False) -> None:
        self.max_keys = max_keys
        self.is_locking = is_locking
        self.kept: dict[bytes, bytes] = {}
        self.intruder: Callable[[], object] | None = None
        self.largest = (0, 0)
        self.plans = self.looks = 0
        self._is_closed = False

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        self._check_open()
        self.looks += 1
        return {key: self.kept[key] for key in keys if key in self.kept}

    def scan(self, start: bytes, end: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        self._check_open()
        keys = sorted(key for key in self.kept if start <= key < end)
        return [(key, self.kept[key]) for key in keys[:limit]]

    def write(self, plan: Callable[[View], tuple[Writes, Result]]) -> Result:
        self._check_open()
        while True:
            view = Noted(self)
            self.plans += 1
            writes, result = plan(view)
            intruder, self.intruder = self.intruder, None
            if intruder:
                intruder()
            if view.is_current():
                break
        self.largest = max(self.largest[0], len(view.found)), max(self.largest[1], len(writes))
        for key, value in writes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value
        return result

    def count(self, start: bytes, end: bytes) -> int:
        return len(self.scan(start, end, len(self.kept)))

    def size(self) -> int:
        return sum(map(len, self.kept.values()))

    def close(self) -> None:
        self._is_closed = True

    @contextmanager
    def measured(self) -> Iterator[None]:
        """`largest` is of the writes in the block alone."""
        self.largest = (0, 0)
        yield

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("closed")


class Noted:
    """The view of a write, which notes what it has got."""

    def __init__(self, engine: DictEngine) -> None:
        self._engine = engine
        self.found: dict[bytes, bytes | None] = {}
        self.scan = engine.scan

    def get(self, keys: Iterable[bytes]) -> Mapping[bytes, bytes]:
        wanted = list(keys)
        found = self._engine.get(wanted)
        self.found.update({key: found.get(key) for key in wanted})
        return found

    def is_current(self) -> bool:
        return all(self._engine.kept.get(key) == value for key, value in self.found.items())
