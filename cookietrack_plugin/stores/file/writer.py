"""
The process that appends to a `file` store's file: see `appender`. It loads little. It inherits the
file and the lock from the process that started it, so no other process opens the store before it
has ended.
"""

import os
import sys
from contextlib import suppress
from socket import socket

from attrs import frozen

from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.file.disk import AppendFile
from cookietrack_plugin.stores.file.place import is_same

READY = b"ready"
DONE = b""
# The same, but the lock file is gone.
UNLOCKED = b"unlocked"
# Precedes what is to be appended: the file's size, as the worker's thread appends to it as well.
SIZE_BYTES = 8
# Between the two names of the first message.
_SEPARATOR = b"\0"


@frozen
class Watched:
    """`file` is to be found at `name`, and what is open as `lock` at `lock_path`."""

    file: AppendFile
    name: str
    lock: int
    lock_path: str


def first_message(name: str, lock_path: str) -> bytes:
    """The first message to the process: see `Watched`."""
    return os.fsencode(name) + _SEPARATOR + os.fsencode(lock_path)


def main() -> None:
    end, file, lock = int(sys.argv[1]), AppendFile("", int(sys.argv[2])), int(sys.argv[3])
    # When the other end has ended there is nobody to answer.
    with socket(fileno=end) as connected, suppress(EOFError, OSError):
        channel = Channel(connected)
        name, lock_path = map(os.fsdecode, channel.receive().split(_SEPARATOR))
        serve(channel, Watched(file, name, lock, lock_path))


def serve(channel: Channel, watched: Watched) -> None:
    """
    Send `READY`; then append each message, and answer when that is durable: with `DONE` or
    `UNLOCKED`, or the number of the error and whether the file is still trusted.

    :raises EOFError, OSError: the other end has closed, or its process has ended.
    """
    channel.send(READY)
    while True:
        channel.send(_append(watched, channel.receive()))


def _append(watched: Watched, message: bytes) -> bytes:
    file = watched.file
    file.size = int.from_bytes(message[:SIZE_BYTES], "big")
    try:
        file.append(message[SIZE_BYTES:])
        file.flush()
        file.check(watched.name)
    except OSError as error:
        return b"%d %d" % (error.errno or 0, file.is_trusted)
    return DONE if is_same(watched.lock_path, watched.lock) else UNLOCKED


if __name__ == "__main__":
    main()
