"""A connection to a server of Redis that nobody waits for."""

from collections.abc import Sequence
from socket import MSG_PEEK, SO_SNDBUF, SOL_SOCKET
from time import monotonic
from typing import Any

import hiredis
from redis.connection import DefaultParser
from redis.exceptions import ConnectionError, InvalidResponse, RedisError, TimeoutError

from cookietrack_plugin.stores.redis.rounds import Answers, Command

# What is sent at once, a batch of new logins being a third of it, and room for that in the kernel,
# which counts what it wraps it in too: it takes all of it while the server reads.
_MAX_SEND_BYTES = 128 * 1024
_SEND_BUFFER_BYTES = 4 * _MAX_SEND_BYTES
_RECEIVE_BYTES = 64 * 1024


class TooMuch(RedisError):
    """Nothing was sent: it would not go without waiting."""


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
        """Whether the server has neither closed it nor said anything that nobody asked for."""
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
        Begin to ask. All earlier answers are there.

        :raises ConnectionError: the connection is lost.
        :raises TooMuch: these are for a thread.
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
        What was answered; None if not all of it is there. An error of the server is an answer.

        :raises ConnectionError, TimeoutError: it is lost, or silent for too long.
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
        """Close it, and give what is left to redis-py. Once; on any thread."""
        self._connection.disconnect()
        self._pool.release(self._connection)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[self._socket.send(self._unsent) :]
        except BlockingIOError:
            # The server takes no more, and has enough to answer: or it is silent, and that ends.
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
