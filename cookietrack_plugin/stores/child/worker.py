"""A process that writes for this one: it begins with a channel to us, and ends with it."""

import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from socket import socketpair

from attrs import frozen

from cookietrack_plugin.stores.child.channel import Channel

# Signals that stop a whole node: the child is needed until the worker has stored what is queued.
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@frozen
class Child:
    """`channel` leads to it."""

    process: "subprocess.Popen[bytes]"
    channel: Channel

    @classmethod
    def start(cls, module: str, *descriptors: int) -> "Child":
        """
        Run `module`. Its arguments are the numbers of file descriptors that it has: its end of the
        channel, and copies of `descriptors`.

        :raises OSError: no process can be started.
        """
        mine, theirs = socketpair()
        numbers = [theirs.fileno(), *descriptors]
        # Without the working directory on the path: a node directory is not for modules.
        command = [sys.executable, "-P", "-m", module, *map(str, numbers)]
        with theirs, _blocked(_SIGNALS):
            try:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=numbers)
            except BaseException:
                mine.close()
                raise
        return cls(process, Channel(mine))

    def lives(self) -> bool:
        return not self.channel.is_shut and self.process.poll() is None

    def end(self) -> int:
        """Wait until it has done what it was asked, and has ended; its exit code."""
        self.channel.close()
        return self.process.wait()


def cause_of_death(code: int) -> str:
    """How a process with this exit code ended, as a predicate."""
    with suppress(ValueError):
        return f"died of {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


@contextmanager
def _blocked(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """
    Block signals in this thread within the block, and in a process that it starts for good: from
    its first instruction on, before it could block them itself.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
