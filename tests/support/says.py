"""A server that answers every command of Redis with the same line."""

import socketserver
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread


@contextmanager
def server_that_says(line: str) -> Iterator[int]:
    """Its port within the block."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while data := self.request.recv(65536):
                    # Of an array of strings only its beginning has an asterisk at that of a line.
                    commands = sum(each.startswith(b"*") for each in data.split(b"\r\n"))
                    self.request.sendall(f"{line}\r\n".encode() * max(1, commands))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
