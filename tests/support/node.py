"""A real Crossbar node in a folder of its own, started and stopped by a test."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from servers.patience import PATIENCE, wait_for

BIN = Path(sys.executable).parent
COOKIETRACK = str(BIN / "crossbar-cookietrack")
CROSSBAR = str(BIN / "crossbar")


def accepts(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Node:
    """A node directory, and the process that runs it."""

    def __init__(self, folder: Path, config: dict[str, Any], command: str = COOKIETRACK) -> None:
        self.folder = folder
        self.cbdir = folder / ".crossbar"
        self.cbdir.mkdir(parents=True, exist_ok=True)
        self.command = command
        self.config = config
        (self.cbdir / "config.json").write_text(json.dumps(config))
        self.log = folder / "node.log"
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the launcher over this node directory, to its end."""
        return subprocess.run(
            [*self._command(), *args, *self._place()],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def command_output(self, *args: str) -> str:
        """What the launcher prints when called with these arguments and nothing else."""
        done = subprocess.run(
            [*self._command(), *args], capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        return done.stdout

    def start(
        self,
        *ports: int,
        loglevel: str = "info",
        env: dict[str, str] | None = None,
        word: str = "standalone",
    ) -> None:
        """Start the node, with a personality's word, and wait until it listens on `ports`."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*self._command(word), "start", *self._place(), "--loglevel", loglevel],
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
            )
        wait_for(lambda: self.ended() or all(map(accepts, ports)), f"listen on {ports}: {self.log}")
        assert not self.ended(), self.complaints()

    def _command(self, *word: str) -> list[str]:
        return [sys.executable, self.command, *(w for w in word if w != "standalone")]

    def _place(self) -> list[str]:
        return ["--cbdir", str(self.cbdir)]

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def output(self) -> str:
        """All that the node has printed so far."""
        return self.log.read_text(errors="replace")

    def complaints(self) -> str:
        """The lines of the log that tell what went wrong."""
        lines = self.output().splitlines()
        return "\n".join(line for line in lines if "rror" in line or "raceback" in line)

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self) -> None:
        """End the node in order; after a while, by force."""
        if self.process is None:
            return
        try:
            family = [psutil.Process(self.process.pid), *self.workers()]
        except psutil.NoSuchProcess:
            family = []
        if not self.ended():
            self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)
        _, alive = psutil.wait_procs(family, timeout=5)
        for process in alive:
            process.kill()
        self.process.wait(10)
        self.process = None

    def kill(self) -> None:
        """End the node and its workers with SIGKILL, as a power cut would."""
        assert self.process is not None
        family = [*self.workers(), psutil.Process(self.process.pid)]
        for process in family:
            process.kill()
        psutil.wait_procs(family, timeout=10)
        self.process.wait(10)
        self.process = None


@contextmanager
def running(node: Node, *ports: int, **kwargs: Any) -> Iterator[Node]:
    """A node that runs within the block."""
    try:
        node.start(*ports, **kwargs)
        yield node
    finally:
        node.stop()
