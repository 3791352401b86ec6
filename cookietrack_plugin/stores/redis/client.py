"""A connection to Redis of any topology: rounds of commands in, answers out."""

import time
from collections.abc import Sequence
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.retry import Retry
from redis.sentinel import Sentinel

from cookietrack_plugin.stores.redis.cluster import ClusterServers
from cookietrack_plugin.stores.redis.connections import borrowed, receive, send
from cookietrack_plugin.stores.redis.replicas import Replicas
from cookietrack_plugin.stores.redis.rounds import Answers, Command, Round, Rounds, checked
from cookietrack_plugin.stores.redis.url import RedisUrl

T = TypeVar("T")


class Client:
    """
    Connects with the first command, and again whenever the connection was lost.

    It never resends what a server may have done: the answer to a write that was done twice would be
    wrong. The caller gets the error, and retries.

    :param timeout: seconds to connect, and for every answer.
    :param replicas: how many replicas have to have what is written.
    """

    def __init__(self, url: RedisUrl, node_dir: str, timeout: float, replicas: int = 0) -> None:
        self._url = url
        self.replicas = Replicas(replicas, timeout / 2)
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
        self._servers = _cluster_servers(self._client, url, timeout) if self.is_cluster else None

    def run(self, commands: Sequence[Command]) -> Answers:
        """
        The answers to `commands`; those to a cluster take one round trip for each of its nodes.

        :raises RedisError: the first that is among the answers.
        """
        return checked(self.exchange(Round(commands)))

    def complete(self, rounds: Rounds[T]) -> T:
        """The result of an operation, a round after the other."""
        try:
            asked = next(rounds)
            while True:
                if asked.pause_s:
                    time.sleep(asked.pause_s)
                asked = rounds.send(self.exchange(asked))
        except StopIteration as end:
            result: T = end.value
            return result

    def exchange(self, asked: Round) -> Answers:
        """
        The answers to a round; an error of a server is one of them.

        :raises RedisError: a server does not answer.
        :raises StoreUnavailable: too few replicas have what was written.
        """
        if not asked.commands:
            return []
        if self._servers is not None:
            return self._servers.exchange(asked, self.replicas)
        commands = self.replicas.extended(asked.commands, asked.writes)
        with borrowed(self.pool) as connection:
            send(connection, commands)
            answers = receive(connection, len(commands))
        return self.replicas.checked(answers, asked.writes)

    @property
    def is_cluster(self) -> bool:
        return self._url.kind == "cluster"

    @property
    def is_plain(self) -> bool:
        """Whether it is one server, without TLS."""
        return not (self.is_cluster or self._url.tls)

    @property
    def pool(self) -> Any:
        """The connections to the one server."""
        return self._client.connection_pool

    def masters(self) -> list[Any]:
        """A client for each server that takes writes."""
        if not self.is_cluster:
            return [self._client]
        return [self._client.get_redis_connection(node) for node in self._client.get_primaries()]

    def sentinels(self) -> list[Any]:
        """A client for each sentinel that the `url` names."""
        return list(self.pool.sentinel_manager.sentinels)

    def time_at(self, key: str) -> int:
        """The time of the server that has the key, in Unix milliseconds."""
        answer = checked(self.exchange(Round([("TIME",)], keys=[key])))[0]
        seconds, microseconds = map(int, answer)
        return seconds * 1000 + microseconds // 1000

    def close(self) -> None:
        if self._servers is not None:
            self._servers.close()
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


def _cluster_servers(client: Any, url: RedisUrl, timeout: float) -> ClusterServers:
    login: Command = ()
    if url.password is not None:
        login = ("AUTH2", url.username, url.password) if url.username else ("AUTH", url.password)
    return ClusterServers(client, login, timeout)


_MAKERS = {"server": _server, "socket": _socket, "sentinel": _sentinel, "cluster": _cluster}
