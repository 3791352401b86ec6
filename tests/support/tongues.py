"""A PostgreSQL that speaks a language which nobody knows."""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress

from tests.support.link import CHUNK_BYTES, Link

# Severity and message, as people are to read them, in the body of an ErrorResponse.
_WORDS = re.compile(rb"(?:\A|(?<=\0))([SM])([^\0]+)\0")


class ForeignLink(Link):
    """Puts other words of the same length into what the server says of an error."""

    def pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                sink.sendall(b"".join(map(_foreign, _messages(data))))
        self.end(source, sink)


def _messages(data: bytes) -> Iterator[bytes]:
    """
    What comes at once, in messages of the protocol: a letter, the length of the rest in four bytes,
    the rest. What is none of these, such as the answer whether there is TLS, in one piece.
    """
    while data[:1] in b"RE" and len(data) > 5:
        end = 1 + int.from_bytes(data[1:5], "big")
        yield data[:end]
        data = data[end:]
    yield data


def _foreign(message: bytes) -> bytes:
    if not message.startswith(b"E"):
        return message
    return message[:5] + _WORDS.sub(
        lambda found: found[1] + b"?" * len(found[2]) + b"\0", message[5:]
    )
