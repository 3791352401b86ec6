"""Commands as somebody types them, in a folder, with the programs of an environment first."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.node import wait_for


class Terminal:
    """
    Types lines in `folder`.

    :param bin: the folder of the environment's programs.
    """

    def __init__(self, bin: Path, folder: Path) -> None:
        self._folder = folder
        own = ("PYTHONPATH", "VIRTUAL_ENV", "PYTEST_ADDOPTS")
        env = {name: value for name, value in os.environ.items() if name not in own}
        self._env = {**env, "PATH": f"{bin}:{env['PATH']}"}

    def run(self, line: str, code: int = 0) -> str:
        """Type it, and wait for its end, which is to be with `code`: what it prints."""
        done = subprocess.run(
            shlex.split(line),
            cwd=self._folder,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{line}\n{done.stdout[-3_000:]}"
        return done.stdout

    @contextmanager
    def running(self, line: str) -> Iterator["Program"]:
        """Type it, and press Ctrl-C at the end of the block."""
        output = self._folder / f"output-{len(list(self._folder.glob('output-*')))}"
        with output.open("wb") as file:
            process = subprocess.Popen(
                shlex.split(line), cwd=self._folder, env=self._env, stdout=file, stderr=file
            )
        try:
            yield Program(process, output)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(60)


class Program:
    """One that runs."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: Path) -> None:
        self._process = process
        self._output = output

    def said(self) -> str:
        return self._output.read_text(errors="replace")

    def terminate(self) -> int:
        """End it as a service manager does: its exit code."""
        self._process.terminate()
        return self._process.wait(60)

    def wait(self) -> int:
        """Wait for its end: its exit code."""
        return self._process.wait(60)

    def wait_for(self, text: str) -> None:
        """:raises AssertionError: it ends without having said that."""
        wait_for(lambda: text in self.said() or self._process.poll() is not None, f"{text!r}")
        assert text in self.said(), self.said()[-3_000:]
