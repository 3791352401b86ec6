"""The load generator as seen by the benchmarks: a process that takes jobs."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parent.parent


class JobFailed(RuntimeError):
    """The load generator could not do a job: with its traceback."""


class Generator:
    """One load generator. One job at a time."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, job: str, **arguments: Any) -> Any:
        """See `benchmarks.load.jobs`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": job, **arguments}) + "\n")
        self._process.stdin.flush()
        outcome = json.loads(self._process.stdout.readline())
        if "error" in outcome:
            raise JobFailed(outcome["error"])
        return outcome["result"]


@contextmanager
def running() -> Iterator[Generator]:
    with module("benchmarks.load") as process:
        yield Generator(process)


@contextmanager
def trivial_server() -> Iterator[int]:
    """The port of a server that does next to nothing: what the load generator reaches at most."""
    with module("benchmarks.load.ceiling") as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())


@contextmanager
def module(name: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A module of ours as a process that is spoken to by lines, and killed in the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", name, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
