"""Listens on a worker's socket, from the first store that it opens to its end."""

import socket
from typing import Any

from twisted.internet.defer import maybeDeferred
from txaio.tx import make_logger

from cookietrack_plugin.nodesocket.folder import SocketFolder
from cookietrack_plugin.router.control.connection import ControlFactory
from cookietrack_plugin.router.control.requests import Requests, Stores
from cookietrack_plugin.router.control.worker import worker_id


class ControlListener:
    """
    Listens for the command. On the reactor's thread. If the socket cannot be made, that is logged,
    and the worker does without it.

    :param reactor: Twisted's, which listens.
    """

    log = make_logger()

    def __init__(self, stores: Stores, reactor: Any, node_dir: str, worker: str) -> None:
        self._folder: SocketFolder | None = None
        self._port: Any = None
        self._factory = ControlFactory(Requests(stores, worker, node_dir), stores.reactor)
        try:
            self._listen(reactor, node_dir, worker)
        except OSError as error:
            self.log.warn(
                "the command cookietrack cannot reach this worker: its socket cannot be made:"
                " {cause}",
                cause=error,
            )
            self.close()
        else:
            reactor.addSystemEventTrigger("before", "shutdown", self.close)

    def _listen(self, reactor: Any, node_dir: str, worker: str) -> None:
        self._folder = SocketFolder.make(node_dir)
        with self._folder.listen(worker) as listening:
            fd, family = listening.fileno(), socket.AF_UNIX
            self._port = reactor.adoptStreamPort(fd, family, self._factory)

    def close(self) -> Any:
        """Stop listening, abort all connections, and remove the socket. Idempotent."""
        port, self._port = self._port, None
        stopped = maybeDeferred(port.stopListening) if port is not None else maybeDeferred(int)
        self._factory.abort()
        return stopped.addBoth(self._remove)

    def _remove(self, _: Any) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.remove()
            folder.close()


def listen(stores: Stores, reactor: Any, node_dir: str) -> ControlListener | None:
    """The listener of this process, if it is a worker of a node that has cookies."""
    worker = worker_id()
    return ControlListener(stores, reactor, node_dir, worker) if worker else None
