"""Who may use the memory map, and who may move it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Lock, local
from weakref import WeakSet


class MapGate:
    """
    Threads that use the map hold a lock of their own while they do, so that none waits for another.
    Whoever moves the map takes the locks of all of them: LMDB does not look whether the memory that
    it unmaps is being read.
    """

    def __init__(self) -> None:
        self._mine = local()
        self._all: WeakSet[Lock] = WeakSet()
        self._membership = Lock()

    def mine(self) -> Lock:
        """The calling thread's lock. Not reentrant, and to be held for microseconds."""
        try:
            lock: Lock = self._mine.lock
        except AttributeError:
            lock = self._mine.lock = self._join()
        return lock

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Until it is left nobody uses the map. Not for a thread that holds its own lock."""
        with self._membership, ExitStack() as held:
            for lock in list(self._all):
                held.enter_context(lock)
            yield

    def _join(self) -> Lock:
        lock = Lock()
        with self._membership:
            self._all.add(lock)
        return lock
