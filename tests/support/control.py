"""Workers with a socket for the command, on a reactor that runs beside the test."""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from cookietrack_plugin.access.reactor import MonotonicReactor
from cookietrack_plugin.access.store import AsyncStore
from cookietrack_plugin.nodesocket.folder import FOLDER
from cookietrack_plugin.nodesocket.wire import as_line
from cookietrack_plugin.router.control.listener import ControlListener
from cookietrack_plugin.stores.memory import MemoryStore
from cookietrack_plugin.tracking.clock import LocalClock
from cookietrack_plugin.tracking.tracker import Tracker
from tests.support.livereactor import LiveReactor

MEMORY = '{"type": "memory"}'
PATIENCE_S = 30.0


class ControlledWorker:
    """
    A worker with one store. Its tracker lives by the time of the machine, and the patience of its
    socket by `clock`, which only a test moves.
    """

    def __init__(
        self,
        reactor: LiveReactor,
        node_dir: Path,
        worker: str = "worker001",
        store: Any = None,
        key: str = MEMORY,
        is_away: bool = False,
    ) -> None:
        self.key = key
        self.name = worker
        self.clock = self.reactor = Clock()
        self.store = MemoryStore(1000) if store is None else store
        self._live = reactor
        self._path = node_dir / FOLDER / f"{worker}.sock"
        self.is_away = is_away
        # How often somebody was told that it is.
        self.times_away = 0
        timers = MonotonicReactor(reactor)
        self.tracker = reactor.ask(self._track, timers)
        self.listener = reactor.ask(ControlListener, self, reactor, str(node_dir), worker)

    def _track(self, timers: Any) -> Tracker:
        return Tracker(AsyncStore(self.store, timers), timers, LocalClock())

    def trackers(self) -> dict[str, Tracker]:
        return {} if self.is_away else {self.key: self.tracker}

    def away(self) -> list[str]:
        self.times_away += self.is_away
        return [self.key] if self.is_away else []

    def on_reactor(self, call: Callable[..., Any], *args: Any) -> Any:
        return self._live.ask(call, *args)

    def pass_time(self, seconds: float) -> None:
        """Let the patience of the socket run out."""
        self.on_reactor(self.clock.advance, seconds)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self.listener._factory.connections)

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_S)
        connection.connect(str(self._path))
        return connection

    def send(self, data: bytes) -> list[Mapping[str, Any]]:
        """All that is answered to these bytes."""
        with self.connect() as connection:
            connection.sendall(data)
            return read_all(connection)

    def ask(self, name: str, **request: Any) -> Mapping[str, Any]:
        """The answer to a request on the store."""
        [listed] = self.send(as_line({"do": "stores"}))
        digest = listed["stores"][0]["store"]
        [answer] = self.send(as_line({"do": name, "store": digest, **request}))
        return answer

    def close(self) -> None:
        self.on_reactor(self.listener.close)
        self.on_reactor(self.tracker.close)


def read_all(connection: socket.socket) -> list[Mapping[str, Any]]:
    """The messages until the other end closes."""
    with connection.makefile("rb") as answers:
        return list(map(json.loads, answers))


@contextmanager
def controlled(reactor: LiveReactor, node_dir: Path) -> Iterator[Callable[..., ControlledWorker]]:
    """Makes workers of a node, and closes them in the end."""
    with ExitStack() as undo:

        def make(*args: Any, **kwargs: Any) -> ControlledWorker:
            worker = ControlledWorker(reactor, node_dir, *args, **kwargs)
            undo.callback(worker.close)
            return worker

        yield make
