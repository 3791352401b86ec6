"""Commands and answers on the connections of a pool of redis-py."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis.exceptions import ResponseError

from cookietrack_plugin.stores.redis.rounds import Answers, Command


@contextmanager
def borrowed(pool: Any) -> Iterator[Any]:
    """
    A connection of the pool within the block. After an error it is closed: answers may be pending,
    and its next user would read them.
    """
    connection = pool.get_connection()
    try:
        yield connection
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def send(connection: Any, commands: Sequence[Command]) -> None:
    connection.send_packed_command(connection.pack_commands(commands), check_health=False)


def receive(connection: Any, count: int) -> Answers:
    """
    The next answers. An error of the server is one of them.

    :raises RedisError: the connection is no longer usable.
    """
    return [_answer(connection) for _ in range(count)]


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as error:
        # redis-py closes the connection of a replica that was the master: what follows is lost.
        return error
