"""A TCP proxy in front of a server, which is cut as a network would be: for the tests as well."""

import socket
from contextlib import suppress
from threading import Lock, Thread

from benchmarks.config import free_ports


class Cut:
    """
    Whole at first. `cut()` ends every connection and refuses new ones, `mend()` takes them again.

    :param target: the server's port on this machine.
    """

    def __init__(self, target: int) -> None:
        [self.port] = free_ports(1)
        self._target = target
        self._lock = Lock()
        self._listener: socket.socket | None = None
        self._ends: list[socket.socket] = []
        self.mend()

    def mend(self) -> None:
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        Thread(target=self._serve, args=(listener,), daemon=True).start()

    @property
    def is_cut(self) -> bool:
        return self._listener is None

    def cut(self) -> None:
        """Idempotent."""
        with self._lock:
            listener, self._listener = self._listener, None
            ends, self._ends = self._ends, []
        self.end(*([listener, *ends] if listener else ends))

    def _serve(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                self._join(listener, client)

    def _join(self, listener: socket.socket, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            client.close()
            return
        with self._lock:
            is_cut = self._listener is not listener
            self._ends += [] if is_cut else [client, server]
        if is_cut:
            self.end(client, server)
            return
        for source, sink in ((client, server), (server, client)):
            Thread(target=self.pass_on, args=(source, sink), daemon=True).start()

    def pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        """One way of a connection, to its end: on a thread of its own."""
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        self.end(source, sink)

    def end(self, *sockets: socket.socket) -> None:
        """Close them. A thread that waits for one wakes up, which closing alone does not do."""
        for each in sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
