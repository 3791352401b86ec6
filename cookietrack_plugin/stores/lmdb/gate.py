"""Who may use the memory map, and who may move it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, local
from weakref import WeakSet


class MapGate:
    """
    A thread that uses the map holds `mine.lock`, its own, so that no reader waits for another. To
    move the map, a thread takes the locks of all: LMDB does not check whether one reads the memory
    that it unmaps.
    """

    def __init__(self) -> None:
        self._all: WeakSet[Lock] = WeakSet()
        self._joining = Lock()
        self.mine = _Mine(self)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Within the block nobody uses the map. Not for a thread that holds its own lock."""
        with self._joining, ExitStack() as held:
            for lock in list(self._all):
                held.enter_context(lock)
            yield

    def join(self) -> Lock:
        """A lock for a thread that has none yet."""
        lock = Lock()
        with self._joining:
            self._all.add(lock)
        return lock


class _Mine(local):
    """`lock`: one for each thread. It is not reentrant, and held for microseconds."""

    def __init__(self, gate: MapGate) -> None:
        self.lock = gate.join()
