"""
The process that appends to a `file` store's file: see `process`. It loads little, and has the file
and its lock from the process that began it: nobody else opens the store before it has ended.
"""

import sys
from contextlib import suppress
from socket import socket

from cookietrack_plugin.stores.child.channel import Channel
from cookietrack_plugin.stores.file.disk import AppendFile

READY = b"ready"
DONE = b""
# In front of what is to be appended: how long the file is, as others append to it as well.
SIZE_BYTES = 8


def main() -> None:
    end, file = int(sys.argv[1]), AppendFile("", int(sys.argv[2]))
    # When the other end has ended there is nobody to answer.
    with socket(fileno=end) as connected, suppress(EOFError, OSError):
        serve(Channel(connected), file)


def serve(channel: Channel, file: AppendFile) -> None:
    """
    Say that we are `READY`; then append each message, and answer when that is durable: with `DONE`,
    or the number of the error and whether the file is still trusted.

    :raises EOFError, OSError: the other end has closed, or its process has ended.
    """
    channel.send(READY)
    while True:
        channel.send(_append(file, channel.receive()))


def _append(file: AppendFile, message: bytes) -> bytes:
    file.size = int.from_bytes(message[:SIZE_BYTES], "big")
    try:
        file.append(message[SIZE_BYTES:])
        file.flush()
    except OSError as error:
        return b"%d %d" % (error.errno or 0, file.is_trusted)
    return DONE


if __name__ == "__main__":
    main()
