"""A store that another process has open: the near end of `writer`."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from threading import Timer
from time import sleep
from typing import Any

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
        self._process = subprocess.Popen(
            [sys.executable, "-m", "cookietrack_plugin.testing.writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._place = (options, node_dir)
        self._write(provider)

    @property
    def pid(self) -> int:
        return self._process.pid

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
        self._write((method, *args))

    def receive(self) -> Any:
        """The next answer; what was raised there is raised here. EOFError: it is dead, or hung."""
        assert self._process.stdout is not None
        watchdog = Timer(PATIENCE, self._process.kill)
        watchdog.start()
        try:
            answer, error = pickle.load(self._process.stdout)
        finally:
            watchdog.cancel()
        if error is not None:
            raise error
        return answer

    def kill(self, delay: float = 0) -> None:
        """kill -9 after `delay` seconds. Idempotent; `rest` still has what was answered before."""
        sleep(delay)
        self._process.kill()
        self._process.wait()

    def rest(self) -> Iterator[Any]:
        """The answers that a killed process had given and nobody has read. A torn one is none."""
        while True:
            try:
                yield self.receive()
            except (EOFError, pickle.UnpicklingError):
                return

    def close(self) -> None:
        """Kill it, and let go of the pipes. Idempotent."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            # What a request that never arrived has left in the buffer is of no use to the dead.
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    def _write(self, request: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(request, self._process.stdin)
        self._process.stdin.flush()
