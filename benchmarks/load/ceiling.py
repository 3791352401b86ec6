"""
The trivial server against which the load generator shows its own ceiling: one process that accepts,
reads, and writes the same answers to everyone, without looking at what came.
"""

import select
import socket

from benchmarks.load import wire

ANSWERS = [
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: wamp.2.json\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Set-Cookie: cbtid=000000000000000000000000;max-age=86400\r\n\r\n",
    wire.from_server(wire.CHALLENGE, "ticket", {}),
    wire.from_server(wire.WELCOME, 1, {"roles": {"dealer": {}, "broker": {}}}),
]


class Answers:
    """One connection: the next answer to whatever comes."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._left = iter(ANSWERS)

    def answer(self) -> bool:
        """Whether the client is still there."""
        try:
            if self._client.recv(65536):
                self._client.sendall(next(self._left))
                return True
        except ConnectionError:
            pass
        self._client.close()
        return False


def serve(listener: socket.socket) -> None:
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    open_connections: dict[int, Answers] = {}
    while True:
        for descriptor, _ in epoll.poll():
            if descriptor == listener.fileno():
                client, _ = listener.accept()
                open_connections[client.fileno()] = Answers(client)
                epoll.register(client, select.EPOLLIN)
            elif not open_connections[descriptor].answer():
                del open_connections[descriptor]


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as opened:
        print(opened.getsockname()[1], flush=True)
        serve(opened)
