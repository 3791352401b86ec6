"""A real Crossbar node in a temporary directory, as a process of its own."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
from attrs import frozen

from benchmarks import config
from servers.process import has_ended

START_TIMEOUT = 60


@frozen
class Node:
    """A running node. `transports` by label; `started` is how many seconds it took to listen."""

    directory: Path
    process: "subprocess.Popen[bytes]"
    transports: Mapping[str, config.Transport]
    started: float

    def worker(self) -> psutil.Process:
        (worker,) = psutil.Process(self.process.pid).children()
        return worker

    def worker_cpu(self) -> tuple[float, float]:
        """
        Seconds that the threads of the worker and of the process that writes for it have run, and
        the reactor's thread alone, to the nanosecond: `cpu_times` has ticks.
        """
        worker = self.worker()
        threads = [
            thread
            for process in (worker, *worker.children())
            for thread in Path(f"/proc/{process.pid}/task").iterdir()
        ]
        return sum(map(_run, threads)), _run(Path(f"/proc/{worker.pid}/task/{worker.pid}"))


class NodeFailed(RuntimeError):
    """The node ended, or did not listen in time: with the end of its log."""


@contextmanager
def running(
    launcher: str,
    stores: Mapping[str, Mapping[str, object] | None],
    worker_env: Mapping[str, str] | None = None,
    administered: Mapping[str, object] | None = None,
    transport: type[config.Transport] = config.Transport,
) -> Iterator[Node]:
    """
    A node started by `launcher` (a command of this environment), with a transport for each of
    `stores` by label; None is a transport without cookie item. `administered`: the store that its
    procedures `cookietrack.*` are about. `transport`: the kind of its transports.
    """
    home = Path(tempfile.mkdtemp(prefix="cookietrack-bench-"))
    ports = config.free_ports(len(stores))
    transports = {
        label: transport(label, port, store)
        for port, (label, store) in zip(ports, stores.items(), strict=True)
    }
    (home / "config.json").write_text(
        json.dumps(config.node(transports.values(), worker_env or {}, administered), indent=2)
    )
    began = time.perf_counter()
    with (home / "node.log").open("wb") as log:
        process = _start(launcher, home, log)
    try:
        _wait_until_listening(process, ports, home)
        yield Node(home, process, transports, time.perf_counter() - began)
    finally:
        _stop(process)
        shutil.rmtree(home)


def _run(thread: Path) -> float:
    return int((thread / "schedstat").read_text().split()[0]) / 1e9


def command(name: str) -> str:
    """A console script of the environment that runs the benchmarks."""
    return str(Path(sys.executable).parent / name)


def _start(launcher: str, home: Path, log: object) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # type: ignore[call-overload]
        [command(launcher), "start", "--cbdir", str(home), "--loglevel", LOG_LEVEL],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        cwd=home,
    )


LOG_LEVEL = os.environ.get("BENCH_LOGLEVEL", "info")


def _wait_until_listening(
    process: "subprocess.Popen[bytes]", ports: Iterable[int], home: Path
) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    for port in ports:
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                tail = (home / "node.log").read_text(errors="replace").splitlines()[-30:]
                raise NodeFailed("\n".join(tail))
            time.sleep(0.01)


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the node and whatever it started, by force: nobody wants what it would leave behind."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.kill()
    process.wait()
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    while not all(map(has_ended, family)):
        time.sleep(0.01)
