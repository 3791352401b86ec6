"""Messages between a worker and the process that writes for it: a length, and so many bytes."""

import struct
from contextlib import suppress
from socket import MSG_DONTWAIT, SHUT_RDWR, SO_SNDBUF, SOL_SOCKET, socket

_LENGTH = struct.Struct("!I")
_SOME = 65_536


class Channel:
    """
    One end of a stream socket, and owner of it. One thread at a time.

    :raises EOFError, OSError: reading or sending, the other end has closed or has ended.
    """

    def __init__(self, end: socket) -> None:
        self._socket = end
        self._received = bytearray()
        self.is_shut = False
        # What the kernel takes at once while the other end has read everything. It counts more than
        # the bytes of a message.
        self._room = end.getsockopt(SOL_SOCKET, SO_SNDBUF) // 4

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, message: bytes) -> None:
        """Wait until the other end has read so much that the rest of `message` is on its way."""
        self._socket.sendall(_LENGTH.pack(len(message)) + message)

    def send_now(self, message: bytes) -> bool:
        """
        Send without waiting, while everything sent before was answered. False where nothing was
        sent: `message` is too large for that, or the other end has ended.
        """
        whole = _LENGTH.pack(len(message)) + message
        if len(whole) > self._room:
            return False
        try:
            if self._socket.send(whole, MSG_DONTWAIT) == len(whole):
                return True
        except OSError:
            return False
        # Half a message: nothing can follow it.
        self.shut()
        return False

    def receive(self) -> bytes:
        """The next message; waits for it."""
        while (message := self._take()) is None:
            self._read()
        return message

    def receive_now(self) -> bytes | None:
        """The next message, None if it is not here as a whole."""
        with suppress(BlockingIOError):
            self._read(MSG_DONTWAIT)
        return self._take()

    def shut(self) -> None:
        """No message will come or go any more; its file descriptor stays open until `close`."""
        self.is_shut = True
        with suppress(OSError):
            self._socket.shutdown(SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def _read(self, flags: int = 0) -> None:
        data = self._socket.recv(_SOME, flags)
        if not data:
            raise EOFError("the other end has closed")
        self._received += data

    def _take(self) -> bytes | None:
        if len(self._received) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        message = bytes(self._received[_LENGTH.size : end])
        del self._received[:end]
        return message
