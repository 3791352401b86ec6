"""Operations over a non-blocking connection, one at a time."""

import logging
from threading import Lock
from typing import Generic, TypeVar

from redis.exceptions import (
    ConnectionError,
    InvalidResponse,
    ReadOnlyError,
    RedisError,
    TimeoutError,
)

from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.rounds import Answers, Round, Rounds
from cookietrack_plugin.stores.redis.wire import TooMuch, Wire

T = TypeVar("T")

log = logging.getLogger(__name__)

# Errors after which the connection is no longer usable.
_LOST = (ConnectionError, InvalidResponse, TimeoutError)


class Conversation(Generic[T]):
    """
    `Round.pause_s` is ignored: the round trip is pause enough.

    `begin`, `fileno` and `finish` are called by the reactor's thread, which never connects: other
    threads do so with `prepare`, after operations of their own.

    :param timeout: seconds for an answer.
    """

    def __init__(self, client: Client, timeout: float) -> None:
        self._client = client
        self._timeout = timeout
        self._connecting = Lock()
        self._dropping = Lock()
        self._wire: Wire | None = None
        self._is_closed = False
        self._rounds: Rounds[T] | None = None
        self._asked = Round([])

    def prepare(self) -> None:
        """
        Connect, if there is no connection and the server answers. On a thread that may wait.
        """
        if self._wire is not None or not self._connecting.acquire(blocking=False):
            return
        try:
            if self._wire is None and not self._is_closed:
                self._wire = Wire(self._client.pool, self._timeout)
                if self._is_closed:
                    # `close` came while this connected, and found nothing to close.
                    self._drop()
        except (RedisError, OSError) as error:
            # The caller's own operation is done; the next one tries again.
            log.debug("no connection without a thread: %s", error)
        finally:
            self._connecting.release()

    def begin(self, rounds: Rounds[T]) -> bool:
        """
        Begin the operation.

        :returns: False if there is no connection, nothing to ask, or too much.
        """
        wire = self._wire
        if wire is None:
            return False
        if not wire.is_alive():
            self._drop()
            return False
        self._rounds = rounds
        try:
            self._send(next(rounds))
        except (StopIteration, TooMuch):
            return False
        except _LOST:
            self._drop()
            return False
        return True

    def fileno(self) -> int:
        return self._current().fileno()

    def finish(self) -> T | None:
        """
        The operation's result, None as long as it is not known.

        :raises RedisError: it failed; whether it was done is not known.
        """
        try:
            answers = self._current().answers()
            if answers is None:
                return None
            if any(isinstance(answer, ReadOnlyError) for answer in answers):
                # Another server is the master now: connecting again finds it.
                self._drop()
            answers = self._client.replicas.checked(answers, self._asked.writes)
            assert self._rounds is not None
            self._send(self._rounds.send(answers))
        except StopIteration as end:
            result: T = end.value
            return result
        except _LOST:
            self._drop()
            raise
        return None

    def close(self) -> None:
        """Idempotent."""
        self._is_closed = True
        self._drop()

    def _send(self, asked: Round) -> None:
        """Send the first round, from `asked` on, that has commands."""
        assert self._rounds is not None
        while not asked.commands:
            answers: Answers = []
            asked = self._rounds.send(answers)
        self._asked = asked
        self._current().send(self._client.replicas.extended(asked.commands, asked.writes))

    def _current(self) -> Wire:
        if self._wire is None:
            raise StoreUnavailable("there is no connection")
        return self._wire

    def _drop(self) -> None:
        with self._dropping:
            wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()
