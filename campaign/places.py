"""Which stores a campaign is about, and where one of them lies for a round."""

import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import define, field

from campaign.performer import PerformerProvider
from campaign.preload import preloaded
from cookietrack_plugin.testing.forkserver import fork_server_of
from cookietrack_plugin.testing.process import StoreProcess

Options = Mapping[str, Any]
# The stores that lie in files, with their options; each round chooses those that it may.
EMBEDDED: Mapping[str, Callable[[random.Random], dict[str, Any]]] = {
    "file": lambda choice: {
        "type": "file",
        "filename": "cookies.dat",
        "writer_process": choice.random() < 0.5,
    },
    "lmdb": lambda choice: {
        "type": "lmdb",
        "path": "cookies",
        "writer_process": choice.random() < 0.5,
    },
    "sqlite": lambda choice: {"type": "sql", "url": "sqlite:///cookies.sqlite"},
}


@define
class Place:
    """A folder with a store in it, for one round; `node` is the one that it is opened in."""

    folder: Path
    options: Options
    _started: list[StoreProcess] = field(factory=list)

    @property
    def node(self) -> Path:
        return self.folder / "node"

    def start(self, environment: Mapping[str, str] | None = None) -> StoreProcess:
        """A process that will open the store; it ends with the round."""
        return self._start({"environment": dict(environment or {})})

    def start_examiner(self) -> StoreProcess:
        """A process with an `Examiner`."""
        process = self._start({"examines": True})
        process.open()
        return process

    def end(self, process: StoreProcess) -> None:
        process.close()
        self._started.remove(process)

    def _start(self, options: Options) -> StoreProcess:
        with preloaded():
            # The first one starts what processes are forked from, with the library.
            fork_server_of(PerformerProvider)
        process = StoreProcess(
            PerformerProvider, {"store": self.options, **options}, str(self.node)
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        for process in self._started:
            process.close()


@contextmanager
def new_place(options: Options, folder: Path | None = None) -> Iterator[Place]:
    """A place whose folder is removed in the end."""
    root = Path(tempfile.mkdtemp(prefix="cookietrack-campaign-", dir=folder or _in_memory()))
    place = Place(root.resolve(), options)
    place.node.mkdir()
    try:
        yield place
    finally:
        place.close()
        shutil.rmtree(root, ignore_errors=True)


def _in_memory() -> Path | None:
    """No trial waits for a disk: what a power cut leaves of one is worked out."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None
