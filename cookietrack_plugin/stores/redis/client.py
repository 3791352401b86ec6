"""A connection to Redis of any topology: commands in, answers out, in one round trip."""

from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from cookietrack_plugin.stores.redis.url import RedisUrl

Command = tuple[Any, ...]


class Client:
    """
    Connects with the first command, and again whenever the connection was lost.

    It sends nothing a second time by itself: the answer to a write that was done twice would not be
    true. The caller gets the error, and asks again.

    :param timeout: seconds to connect, and for every answer.
    """

    def __init__(self, url: RedisUrl, node_dir: str, timeout: float) -> None:
        self._url = url
        options: dict[str, Any] = {
            "username": url.username,
            "password": url.password,
            "socket_timeout": timeout,
            "socket_connect_timeout": timeout,
            "protocol": 2,
        }
        if url.tls:
            options |= {"ssl": True, **url.under(node_dir)}
        self._client: Any = _MAKERS[url.kind](url, options)

    def run(self, commands: Sequence[Command]) -> list[Any]:
        """
        The answers to `commands`; those to a cluster take one round trip for each of its nodes.

        :raises RedisError: the first that is among the answers.
        """
        for answer in (answers := self.try_(commands)):
            if isinstance(answer, Exception):
                raise answer
        return answers

    def try_(self, commands: Sequence[Command]) -> list[Any]:
        """The same, but an error of the server is returned as the answer, and not raised."""
        if not commands:
            return []
        arguments = {} if self.is_cluster else {"transaction": False}
        pipeline = self._client.pipeline(**arguments)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute(raise_on_error=False)

    @property
    def is_cluster(self) -> bool:
        return self._url.kind == "cluster"

    def masters(self) -> list[Any]:
        """A client for each server that takes writes."""
        if not self.is_cluster:
            return [self._client]
        return [self._client.get_redis_connection(node) for node in self._client.get_primaries()]

    def master_of(self, key: str) -> Any:
        """A client for the server that has the key."""
        if not self.is_cluster:
            return self._client
        return self._client.get_redis_connection(self._client.get_node_from_key(key))

    def time_at(self, key: str) -> int:
        """The time of the server that has the key, in Unix milliseconds."""
        seconds, microseconds = self.master_of(key).time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    def close(self) -> None:
        self._client.close()


def _never() -> Retry:
    return Retry(NoBackoff(), 0)


def _server(url: RedisUrl, options: dict[str, Any]) -> Any:
    host, port = url.hosts[0]
    return redis.Redis(host=host, port=port, db=url.database, retry=_never(), **options)


def _socket(url: RedisUrl, options: dict[str, Any]) -> Any:
    return redis.Redis(unix_socket_path=url.path, db=url.database, retry=_never(), **options)


def _sentinel(url: RedisUrl, options: dict[str, Any]) -> Any:
    given = {name: url.options.get(f"sentinel_{name}") for name in ("username", "password")}
    settings = {**options, **given, "retry": _never()}
    sentinels: Any = Sentinel(url.hosts, sentinel_kwargs=settings)  # type: ignore[no-untyped-call]
    return sentinels.master_for(url.service, db=url.database, retry=_never(), **options)


def _cluster(url: RedisUrl, options: dict[str, Any]) -> Any:
    nodes = [ClusterNode(*each) for each in url.hosts]  # type: ignore[no-untyped-call]
    return redis.RedisCluster(startup_nodes=nodes, retry=_never(), **options)


_MAKERS = {"server": _server, "socket": _socket, "sentinel": _sentinel, "cluster": _cluster}
