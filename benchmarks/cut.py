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

    def cut(self) -> None:
        """Idempotent."""
        with self._lock:
            listener, self._listener = self._listener, None
            ends, self._ends = self._ends, []
        for end in [listener, *ends] if listener else ends:
            _close(end)

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
            _close(client)
            _close(server)
            return
        for source, sink in ((client, server), (server, client)):
            Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    _close(source)
    _close(sink)


def _close(end: socket.socket) -> None:
    """Whoever waits for it wakes up, which closing alone does not do."""
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
