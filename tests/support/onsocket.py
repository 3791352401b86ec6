"""What has a socket, as a context manager that closes it."""

import socket
from types import TracebackType
from typing import Self


class OnSocket:
    _socket: socket.socket

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
