"""A non-blocking connection to a Redis server."""

from collections.abc import Sequence
from socket import MSG_PEEK, SO_SNDBUF, SOL_SOCKET
from time import monotonic
from typing import Any

import hiredis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, RedisError, TimeoutError

from cookietrack_plugin.stores.redis.rounds import Answers, Command

# The most that is sent at once: a large batch of new logins is a third of it. The kernel's buffer
# also counts its own overhead; this size takes all of it while the server reads.
_MAX_SEND_BYTES = 128 * 1024
_SEND_BUFFER_BYTES = 4 * _MAX_SEND_BYTES
_RECEIVE_BYTES = 64 * 1024


class TooMuch(RedisError):
    """Too much to send without waiting; nothing was sent."""


class Wire:
    """
    Sends some commands and gathers their answers, then the next. On one thread, which never waits.

    :param pool: of redis-py. This connects it, which waits, and logs in.
    :param timeout: seconds for an answer.
    """

    def __init__(self, pool: Any, timeout: float) -> None:
        self._pool = pool
        self._connection = pool.get_connection()
        self._timeout = timeout
        # redis-py has no other way to it.
        self._socket = self._connection._sock
        self._socket.setblocking(False)
        self._socket.setsockopt(SOL_SOCKET, SO_SNDBUF, _SEND_BUFFER_BYTES)
        self._reader = hiredis.Reader(
            protocolError=InvalidResponse, replyError=DefaultParser.parse_error
        )
        self._unsent = b""
        self._answers: Answers = []
        self._missing = 0
        self._deadline = 0.0

    def is_alive(self) -> bool:
        """Whether the server has neither closed it nor sent anything unasked."""
        try:
            self._socket.recv(1, MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def send(self, commands: Sequence[Command]) -> None:
        """
        Begin to send. All earlier answers have arrived.

        :raises ConnectionError: the connection is lost.
        :raises TooMuch: they are too much to send without waiting.
        """
        data = b"".join([hiredis.pack_command(command) for command in commands])
        if len(data) > _MAX_SEND_BYTES:
            raise TooMuch("there is too much to send without waiting")
        self._unsent = data
        self._answers, self._missing = [], len(commands)
        self._deadline = monotonic() + self._timeout
        self._send()

    def answers(self) -> Answers | None:
        """
        The answers; None until all have arrived. An error of the server is an answer.

        :raises ConnectionError, TimeoutError: the connection is lost, or silent for too long.
        """
        if self._unsent:
            self._send()
        self._receive()
        while self._missing and (answer := self._reader.gets()) is not False:
            self._answers.append(answer)
            self._missing -= 1
        if not self._missing:
            return self._answers
        if monotonic() > self._deadline:
            raise TimeoutError(f"no answer in {self._timeout:g} seconds")
        return None

    def close(self) -> None:
        """Close it, and return it to redis-py's pool. Once; on any thread."""
        self._connection.disconnect()
        self._pool.release(self._connection)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            # The server has enough to answer first; a silent one runs into the timeout.
            pass
        except OSError as error:
            raise ConnectionError(f"it was lost: {error}") from error

    def _receive(self) -> None:
        try:
            while data := self._socket.recv(_RECEIVE_BYTES):
                self._reader.feed(data)
                if len(data) < _RECEIVE_BYTES:
                    return
        except BlockingIOError:
            return
        except OSError as error:
            raise ConnectionError(f"it was lost: {error}") from error
        raise ConnectionError("the server has closed the connection")
