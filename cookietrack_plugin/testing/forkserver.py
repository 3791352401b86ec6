"""
Processes that have a provider imported already: each is forked from one that did nothing else.

An interpreter takes longer to start, and a driver longer to import, than most checks take.
"""

import atexit
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any
from uuid import uuid4

# Seconds that a process may take to begin.
PATIENCE = 60


class ForkServer:
    """
    A process that forks a process for each `new`. Of the provider it imports the module, and
    nothing else: a module that starts threads when it is imported is not for this.
    """

    def __init__(self, provider: Callable[[], Any]) -> None:
        # In Linux' abstract namespace: there is no file to be removed.
        address = f"\0cookietrack-{uuid4()}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(address)
        self._listener.listen()
        self._listener.settimeout(PATIENCE)
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, address[1:]],
            stdin=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._write(pickle.dumps(provider))
        atexit.register(self.close)

    def new(self) -> socket.socket:
        """A connection to a new process, in which `writer.serve` is at work."""
        self._write(b".")
        return self._listener.accept()[0]

    def close(self) -> None:
        """Fork no more. The processes go on until their connections are closed."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._listener.close()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()


@cache
def fork_server_of(provider: Callable[[], Any]) -> ForkServer:
    """The one of this test process."""
    return ForkServer(provider)


def main() -> None:
    """The far end: forks a process for each byte that it reads, and ends with its input."""
    # What a driver prints goes to stderr: somebody may parse what the test run prints.
    os.dup2(2, 1)
    provider = pickle.load(sys.stdin.buffer)
    # Nobody waits for them here.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while sys.stdin.buffer.read(1):
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _serve(provider, "\0" + sys.argv[1])


def _serve(provider: Callable[[], Any], address: str) -> None:
    from cookietrack_plugin.testing.writer import serve

    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        with connection.makefile("rwb") as stream:
            serve(provider, stream)
    # Without the exit handlers of the fork server.
    os._exit(0)


if __name__ == "__main__":
    main()
