"""
Look-ups, on a server that accepts writes.

A server that has become a replica, or that has lost the replicas that it needs to accept writes
(`min-replicas-to-write`), may not know the last logouts. It answers a write with an error, even one
without effect; a full server does not. So a record is read with GETEX, a write command that without
options only reads, and several by a script that begins with a write without effect. Unlike ROLE,
this needs no further permission, and the server's role is checked in the same step as the read.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen
from redis.exceptions import NoScriptError, ResponseError, TryAgainError

from cookietrack_plugin.stores.redis.keys import Partition
from cookietrack_plugin.stores.redis.rounds import Answers, Command, Round, Rounds
from cookietrack_plugin.stores.redis.script import Script
from cookietrack_plugin.stores.redis.swap import Found, found_of

# KEYS: one that is never there, and the records. Returns their values.
LOOK_UP = Script("""
redis.call('DEL', KEYS[1])
local values = {}
for first = 2, #KEYS, 1000 do
  local some = redis.call('MGET', unpack(KEYS, first, math.min(first + 999, #KEYS)))
  for _, value in ipairs(some) do table.insert(values, value) end
end
return values
""")


def look_up(wanted: Mapping[Partition, Sequence[str]]) -> Rounds[dict[str, Found]]:
    """
    What is stored under the ids, by id; in one round trip, unless a server needs another command.

    :raises RedisError: the server refuses writes.
    """
    return (yield from _complete(_queries(wanted, _at_once)))


def read(wanted: Mapping[Partition, Sequence[str]]) -> Rounds[dict[str, Found]]:
    """The same for a user who may not write."""
    return (yield from _complete(_queries(wanted, _trusted)))


Way = Callable[[Partition, Sequence[str]], Sequence[Command]]


@frozen
class _Query:
    partition: Partition
    ids: Sequence[str]
    way: Way

    def commands(self) -> Sequence[Command]:
        return self.way(self.partition, self.ids)

    def instead(self, error: ResponseError) -> "_Query":
        """
        Another way after a server has answered with `error`.

        :raises RedisError: there is none.
        """
        if isinstance(error, NoScriptError):
            return evolve(self, way=_by_source)
        if isinstance(error, TryAgainError) and self.way is not _trusted:
            # The slot is moving, and has a part of the records elsewhere.
            return evolve(self, way=_each)
        if str(error).startswith("MISCONF"):
            # A master whose disk is at fault: what it has in memory is true.
            return evolve(self, way=_trusted)
        raise error


def _queries(wanted: Mapping[Partition, Sequence[str]], way: Way) -> list[_Query]:
    return [_Query(partition, ids, way) for partition, ids in wanted.items() if ids]


def _complete(queries: Sequence[_Query]) -> Rounds[dict[str, Found]]:
    found: dict[str, Found] = {}
    while queries:
        commands = [query.commands() for query in queries]
        answers = iter((yield Round([command for each in commands for command in each])))
        rest = []
        for query, each in zip(queries, commands, strict=True):
            values = _values([next(answers) for _ in each])
            if isinstance(values, ResponseError):
                rest.append(query.instead(values))
            else:
                found.update(found_of(query.ids, values))
        queries = rest
    return found


def _values(answers: Answers) -> Answers | ResponseError:
    """All values in the answers, each a value or a list of values; or the first error."""
    values: list[Any] = []
    for answer in answers:
        if isinstance(answer, ResponseError):
            if not str(answer).startswith("WRONGTYPE"):
                return answer
            values.append(None)
        elif isinstance(answer, list):
            values += answer
        else:
            values.append(answer)
    return values


def _at_once(partition: Partition, ids: Sequence[str]) -> Sequence[Command]:
    if len(ids) == 1:
        return _each(partition, ids)
    return [LOOK_UP.by_digest(_call(partition, ids))]


def _by_source(partition: Partition, ids: Sequence[str]) -> Sequence[Command]:
    return [LOOK_UP.by_source(_call(partition, ids))]


def _each(partition: Partition, ids: Sequence[str]) -> Sequence[Command]:
    return [("GETEX", partition.cookie(id)) for id in ids]


def _trusted(partition: Partition, ids: Sequence[str]) -> Sequence[Command]:
    return [("MGET", *(partition.cookie(id) for id in ids))]


def _call(partition: Partition, ids: Sequence[str]) -> Command:
    return 1 + len(ids), partition.nothing, *(partition.cookie(id) for id in ids)
