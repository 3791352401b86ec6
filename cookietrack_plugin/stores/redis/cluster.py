"""
The servers of a cluster: which server has which slot, and redirections while slots move.

redis-py finds the servers. Redirections are followed here: a server that answers MOVED, ASK or
TRYAGAIN has done nothing, and says which server has the keys, or that both sides of a move have
some. Then a read gets them one by one. A script that writes needs all of them in one place: they
are migrated to the target of the move, as the move itself would do.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from attrs import frozen
from redis.cluster import ClusterNode
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    RedisError,
    TryAgainError,
)

from cookietrack_plugin.stores.redis.connections import borrowed, receive, send
from cookietrack_plugin.stores.redis.keys import nothing_beside
from cookietrack_plugin.stores.redis.replicas import Replicas
from cookietrack_plugin.stores.redis.rounds import Answers, Command, Round

# Host and port.
Place = tuple[str, int]

# The server of each command, by the command's number, and whether it gets ASKING first.
Routes = Mapping[int, tuple[Place, bool]]

# Redirections of one command: more mean a loop.
_MAX_REDIRECTIONS = 5


class ClusterServers:
    """
    :param client: redis-py's client of the cluster.
    :param login: the arguments of MIGRATE by which servers authenticate to each other.
    :param timeout: seconds for an answer.
    """

    def __init__(self, client: Any, login: Command, timeout: float) -> None:
        self._client = client
        self._login = login
        self._milliseconds = round(timeout * 1000)
        # Where slots have moved to since the map was read, and servers that are not on the map.
        self._moved: dict[int, Place] = {}
        self._unmapped: dict[Place, ClusterNode] = {}
        self._is_stale = False

    def exchange(self, asked: Round, replicas: Replicas) -> Answers:
        """See `Client.exchange`."""
        if self._is_stale:
            self._refresh()
        try:
            if asked.carries:
                return [self._beyond(each, replicas) for each in asked.commands]
            return self._delivered(asked, replicas)
        except (RedisError, RedisClusterException, OSError):
            self._is_stale = True
            raise

    def close(self) -> None:
        for node in self._unmapped.values():
            if node.redis_connection is not None:
                node.redis_connection.close()

    def _refresh(self) -> None:
        """Read the map of slots again, after a server has not answered."""
        self._is_stale = False
        try:
            self._client.nodes_manager.initialize()
        except BaseException:
            self._is_stale = True
            raise
        self._moved.clear()

    def _delivered(self, asked: Round, replicas: Replicas) -> Answers:
        """The answers of the servers that have the keys."""
        answers: Answers = [None] * len(asked.commands)
        routes = {n: (self._owner(asked.key_of(n)), False) for n in range(len(answers))}
        for _ in range(1 + _MAX_REDIRECTIONS):
            redirected = {}
            for number, answer in self._ask(asked, routes, replicas).items():
                place, _ = routes[number]
                self._note(answer, place)
                answers[number] = answer
                if isinstance(answer, AskError):
                    is_asking = not isinstance(answer, MovedError)
                    redirected[number] = _place_of(answer, place), is_asking
            if not (routes := redirected):
                break
        pairs = zip(asked.commands, answers, strict=True)
        return [self._one_by_one(command, answer, replicas) for command, answer in pairs]

    def _one_by_one(self, command: Command, answer: Any, replicas: Replicas) -> Any:
        """The values of an MGET whose slot is moving; the answer to any other command as it is."""
        if command[0] != "MGET" or not isinstance(answer, TryAgainError):
            return answer
        values = self._delivered(Round([("GET", key) for key in command[1:]]), replicas)
        return next((value for value in values if isinstance(value, Exception)), values)

    def _ask(self, asked: Round, routes: Routes, replicas: Replicas) -> dict[int, Any]:
        """The answers to those commands that have a route, by number."""
        numbers: dict[Place, list[int]] = defaultdict(list)
        for number, (place, _) in routes.items():
            numbers[place].append(number)
        shares = {place: _Share(asked, each, routes) for place, each in numbers.items()}
        commands = {
            place: replicas.extended(share.commands(), asked.writes)
            for place, share in shares.items()
        }
        found: dict[int, Any] = {}
        for share, answers in zip(shares.values(), self._say(commands), strict=True):
            found.update(share.by_number(replicas.checked(answers, asked.writes)))
        return found

    def _beyond(self, command: Command, replicas: Replicas) -> Any:
        """
        Migrate the keys of a script (`Script.by_one_key`) to the server to which their slot is
        moving, and return its answer; an error where the slot is not moving, or they cannot be
        migrated.
        """
        keys = command[5 : 5 + command[4]]
        source = self._owner(keys[0])
        moving = self._say({source: [("EXISTS", nothing_beside(keys[0]))]})[0][0]
        if not isinstance(moving, AskError) or isinstance(moving, MovedError):
            self._note(moving, source)
            return TryAgainError("the slot has moved")
        target = _place_of(moving, source)
        place = *target, "", 0, self._milliseconds
        carried = self._say({source: [("MIGRATE", *place, *self._login, "KEYS", *keys)]})[0][0]
        if isinstance(carried, Exception):
            return TryAgainError(f"{carried}")
        commands = replicas.extended([("ASKING",), command], writes=True)
        return replicas.checked(self._say({target: commands})[0], writes=True)[1]

    def _say(self, commands: Mapping[Place, Sequence[Command]]) -> list[Answers]:
        """Send each server its commands, then wait for the answers of all."""
        with ExitStack() as stack:
            connections = [stack.enter_context(borrowed(self._pool(place))) for place in commands]
            pairs = list(zip(connections, commands.values(), strict=True))
            for connection, each in pairs:
                send(connection, each)
            return [receive(connection, len(each)) for connection, each in pairs]

    def _owner(self, key: str) -> Place:
        slot = self._client.keyslot(key)
        if moved := self._moved.get(slot):
            return moved
        node = self._client.nodes_manager.get_node_from_slot(slot)
        return node.host, node.port

    def _pool(self, place: Place) -> Any:
        host, port = place
        node = self._client.nodes_manager.get_node(host, port)
        if node is None:
            made: Any = ClusterNode
            node = self._unmapped.setdefault(place, made(host, port))
        return self._client.get_redis_connection(node).connection_pool

    def _note(self, answer: Any, place: Place) -> None:
        """Note what an answer says about the map of slots."""
        if isinstance(answer, MovedError):
            self._moved[answer.slot_id] = _place_of(answer, place)
        elif isinstance(answer, ClusterDownError):
            self._is_stale = True


@frozen
class _Share:
    """The commands of a round that one server gets."""

    asked: Round
    numbers: Sequence[int]
    routes: Routes

    def commands(self) -> list[Command]:
        commands: list[Command] = []
        for number in self.numbers:
            if self._is_asking(number):
                commands.append(("ASKING",))
            commands.append(self.asked.commands[number])
        return commands

    def by_number(self, answers: Answers) -> dict[int, Any]:
        """The answers to the commands themselves."""
        found, rest = {}, iter(answers)
        for number in self.numbers:
            if self._is_asking(number):
                next(rest)
            found[number] = next(rest)
        return found

    def _is_asking(self, number: int) -> bool:
        return self.routes[number][1]


def _place_of(answer: AskError, place: Place) -> Place:
    """The server that a redirection names; one may leave out its own host."""
    return answer.host or place[0], answer.port
