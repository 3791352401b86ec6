"""The threads of a WSGI service."""

from collections.abc import Callable
from threading import Lock, Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.threadpool import ThreadPool

from cookietrack_plugin.router.web.window import ClientWindow

# How long a worker that ends waits for applications: `crossbar stop` kills it after five.
PATIENCE_S = 3


class ServiceThread(Thread):
    """A daemon thread: it does not keep the process from ending."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(daemon=True, **kwargs)


class CountingPool(ThreadPool):
    """A pool that counts the calls that it has not completed."""

    threadFactory: type[Thread] = ServiceThread

    def __init__(self, least: int, most: int) -> None:
        super().__init__(least, most, name="wsgi")
        self._lock = Lock()
        self.pending = 0

    def callInThread(self, func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
        self._count(1)

        def call() -> None:
            try:
                func(*args, **kwargs)
            finally:
                self._count(-1)

        super().callInThread(call)

    def _count(self, change: int) -> None:
        with self._lock:
            self.pending += change


class ApplicationThreads:
    """
    A pool of threads. When the worker ends, the responses in flight are aborted, which ends
    applications that yield; after `PATIENCE_S` the worker does not wait for the others.
    """

    def __init__(self, reactor: Any, least: int, most: int) -> None:
        self._reactor = reactor
        self._windows: set[ClientWindow] = set()
        self.pool = CountingPool(least, most)
        reactor.addSystemEventTrigger("before", "shutdown", self._stop)
        self.pool.start()

    @property
    def waiting(self) -> int:
        """How many requests wait for a thread, also those whose clients have gone."""
        return max(0, self.pool.pending - self.pool.max)

    def watch(self, window: ClientWindow) -> None:
        """Abort this response when the worker ends before it."""
        self._windows.add(window)
        window.when_done.addBoth(lambda _: self._windows.discard(window))

    def _stop(self) -> Deferred[None]:
        """
        End the applications. Twisted's `ThreadPool.stop` would wait for them on the reactor's
        thread, and they wait for that to write.
        """
        for window in list(self._windows):
            window.abort()
        stopped: Deferred[None] = Deferred()
        stopped.addTimeout(PATIENCE_S, self._reactor)
        stopped.addErrback(lambda _: None)
        Thread(target=self._join, args=(stopped,), daemon=True).start()
        return stopped

    def _join(self, stopped: Deferred[None]) -> None:
        self.pool.stop()
        self._reactor.callFromThread(_fire, stopped)


def _fire(deferred: Deferred[None]) -> None:
    # After a timeout it has.
    if not deferred.called:
        deferred.callback(None)
