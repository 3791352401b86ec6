"""A reactor without network whose time and turns are the test's."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from select import select
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFDSet
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

PATIENCE = 30.0


class FakeReactor(Clock):
    """
    Timers on a clock that only `advance` moves. What threads ask to be called waits until the test
    takes a turn, in the order in which it was asked for. Threads themselves are real, and so are
    the file descriptors that are looked at when a turn ends.
    """

    def __init__(self) -> None:
        super().__init__()
        self._calls: SimpleQueue[Callable[[], Any]] = SimpleQueue()
        self._pool: ThreadPool | None = None
        self.readers: list[Any] = []
        self.before_shutdown: list[Callable[[], Any]] = []

    def callFromThread(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._calls.put(lambda: call(*args, **kwargs))

    def getThreadPool(self) -> ThreadPool:
        if self._pool is None:
            self._pool = ThreadPool(0, 2)
            self._pool.start()
        return self._pool

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], Any]) -> None:
        assert (phase, event) == ("before", "shutdown")
        self.before_shutdown.append(call)

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def turn(self) -> None:
        """What threads have asked for so far, the timers that are due, and what can be read."""
        while self.take_one():
            pass
        self.advance(0)
        self.read()

    def read(self) -> None:
        """Call those whose file descriptors can be read."""
        if not self.readers:
            # `select` would let other threads go first, in each turn of every test.
            return
        for reader in select(self.readers, [], [], 0)[0]:
            if reader in self.readers:
                reader.doRead()

    def take_one(self, patience: float = 0.0) -> bool:
        """The oldest thing that a thread asks for, waiting for it; whether there was one."""
        try:
            call = self._calls.get(timeout=patience) if patience else self._calls.get_nowait()
        except Empty:
            return False
        call()
        return True

    def turn_until(self, condition: Callable[[], Any], what: str = "the condition") -> None:
        """Take turns until `condition` holds; an AssertionError if it never does."""
        deadline = time.monotonic() + PATIENCE
        self.turn()
        while not condition():
            assert time.monotonic() < deadline, f"waited too long: {what}"
            self.take_one(patience=0.005)
            self.advance(0)
            self.read()

    def result_of(self, deferred: Deferred[Any]) -> Any:
        """What the Deferred fires with, taking turns until it does; its error is raised."""
        fired: list[Any] = []
        deferred.addBoth(fired.append)
        self.turn_until(lambda: fired, "the Deferred fires")
        if isinstance(fired[0], Failure):
            fired[0].raiseException()
        return fired[0]

    def stop(self) -> None:
        """End the thread pool, if one was asked for."""
        if self._pool is not None:
            self._pool.stop()


@implementer(IReactorFDSet)
class WatchingReactor(FakeReactor):
    """One that says that it watches file descriptors, as those of Twisted on Linux and macOS do."""
