"""A store that another process has open: the near end of `writer`."""

import os
import pickle
import select
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Timer
from time import sleep
from typing import Any

from cookietrack_plugin.testing.forkserver import fork_server_of

# Seconds that any call may take before the process counts as hung.
PATIENCE = 60


class StoreProcess:
    """
    Calls a store's methods in a process of its own, which can be killed.

    The provider is imported there, by the name of its module: better from one that imports little.
    """

    def __init__(
        self, provider: Callable[[], Any], options: Mapping[str, Any], node_dir: str
    ) -> None:
        self._place = (options, node_dir)
        self._connection = fork_server_of(provider).new()
        self._stream = self._connection.makefile("rwb")
        self.pid: int = pickle.load(self._stream)
        # Names this process even when its number is another one's.
        self._process = os.pidfd_open(self.pid)

    def open(self) -> None:
        """Open the store there. What is raised there is raised here."""
        self.begin_to_open()
        self.receive()

    def begin_to_open(self) -> None:
        """The same without waiting for it: `receive` has the answer, None."""
        self.send("open", *self._place)

    def call(self, method: str, *args: Any) -> Any:
        """The result of the store's `method`; a list instead of an iterator."""
        self.send(method, *args)
        return self.receive()

    def send(self, method: str, *args: Any) -> None:
        """Call a method, and go on: `receive` has the result."""
        pickle.dump((method, *args), self._stream)
        self._stream.flush()

    def receive(self) -> Any:
        """The next answer; what was raised there is raised here. EOFError: it is dead, or hung."""
        watchdog = Timer(PATIENCE, self._end)
        watchdog.start()
        try:
            answer, error = pickle.load(self._stream)
        finally:
            watchdog.cancel()
        if error is not None:
            raise error
        return answer

    def kill(self, delay: float = 0) -> None:
        """kill -9 after `delay` seconds. Idempotent; `rest` still has what was answered before."""
        sleep(delay)
        self._end()
        # Readable when it has ended, and the kernel has released all that it had.
        select.select([self._process], [], [])

    def rest(self) -> Iterator[Any]:
        """The answers that a killed process had given and nobody has read. A torn one is none."""
        while True:
            try:
                yield self.receive()
            except (EOFError, ConnectionError, pickle.UnpicklingError):
                return

    def close(self) -> None:
        """Kill it, and close the connection. Idempotent."""
        if self._connection.fileno() < 0:
            return
        self.kill()
        # What a request that never arrived has left in the buffer is of no use to the dead.
        with suppress(ConnectionError):
            self._stream.close()
        self._connection.close()
        os.close(self._process)

    def _end(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)
