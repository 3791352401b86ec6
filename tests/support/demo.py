"""The demo, in a copy of its folder, started the way `make demo` starts it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.missing import missing
from tests.support.node import wait_for

SOURCE = Path(__file__).parent.parent.parent / "node_examples" / "demo"
LIBRARY = SOURCE / "node_modules"
LEFT_BY_RUNS = shutil.ignore_patterns("node_modules", ".cookies*", "*.log", "key.*", "node.pid")


class Demo:
    """`with_library=False` is a machine without npm."""

    def __init__(self, folder: Path, with_library: bool = True) -> None:
        self.folder = folder
        self.output = folder.with_suffix(".out")
        self.process: subprocess.Popen[bytes] | None = None
        shutil.copytree(SOURCE, folder, ignore=LEFT_BY_RUNS)
        if with_library:
            if not LIBRARY.exists():
                missing("autobahn-js is not installed (Debian: apt install npm; then make test)")
            (folder / "node_modules").symlink_to(LIBRARY)

    @contextmanager
    def without_library(self) -> Iterator[None]:
        """Its node serves no library within the block."""
        link = self.folder / "node_modules"
        link.unlink()
        try:
            yield
        finally:
            link.symlink_to(LIBRARY)

    def start(self, port: int | str) -> str:
        """Start it and wait until it says where its page is: the address."""
        self.launch(port)
        wait_for(lambda: self.ended() or "The demo is at" in self.said(), "the demo starts")
        found = re.search(r"http://localhost:\d+", self.said())
        assert found, self.said()
        return found[0]

    def launch(self, port: int | str) -> None:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "demo.py"],
                cwd=self.folder,
                env={**os.environ, "PORT": str(port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        return self.output.read_text()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def stop(self, how: signal.Signals = signal.SIGINT) -> int | None:
        """Press Ctrl-C (or send another signal); the exit code, once nothing of it is left."""
        if self.process is None:
            return None
        family = self._family()
        self.process.send_signal(how)
        try:
            code = self.process.wait(30)
            _, left = psutil.wait_procs(family, timeout=5)
            assert not left, f"still running: {left}"
            return code
        finally:
            self._end(family)

    def _family(self) -> list[psutil.Process]:
        """The node and its workers."""
        if self.ended() or self.process is None:
            return []
        return psutil.Process(self.process.pid).children(recursive=True)

    def _end(self, family: list[psutil.Process]) -> None:
        """Leave no process behind, even after a failure."""
        for process in family:
            if process.is_running():
                process.kill()
        if self.process is not None and not self.ended():
            self.process.kill()
            self.process.wait()
        self.process = None
