"""
Ids in the order of the sorted sets of `keys.Partition`.

ZSCAN's cursors do not grow, and another server does not understand them. A place here is a set, a
score and an id. A record keeps its place as long as it does not change: a touch moves it towards
the end.
"""

from bisect import bisect_left
from collections.abc import Sequence
from struct import Struct

from attrs import frozen

from cookietrack_plugin.stores.kit.paging import cursor_of, place_of
from cookietrack_plugin.stores.redis.client import Client
from cookietrack_plugin.stores.redis.rounds import Command

_NUMBER = Struct(">H")
_SCORE = Struct(">Q")
_DOUBLE = Struct(">d")
_SIGN = 1 << 63
_ALL = (1 << 64) - 1

# The number of a partition, and the key of a sorted set in it.
Index = tuple[int, str]
# As sorted sets are ordered.
Member = tuple[float, bytes]


@frozen
class Place:
    """Where a member is."""

    index: Index
    member: Member

    def cursor(self) -> str:
        (number, key), (score, id) = self.index, self.member
        return cursor_of(_NUMBER.pack(number) + key.encode() + b"\0" + _packed(score) + id)


def place_at(cursor: str) -> Place:
    """
    The place that `cursor` names.

    :raises ValueError: `Place.cursor` never gives such a text.
    """
    place = place_of(cursor)
    key, found, member = place[_NUMBER.size :].partition(b"\0")
    if not found or len(member) < _SCORE.size:
        raise ValueError("no cursor of a page of records")
    index = _NUMBER.unpack_from(place)[0], key.decode("ascii")
    return Place(index, (_unpacked(member), member[_SCORE.size :]))


class Pages:
    """Reads sorted sets from a place on, without looking at all of them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def after(self, last: Place | None, indexes: Sequence[Index], limit: int) -> list[Place]:
        """
        The first `limit` members of `indexes` behind `last`, in order; None for the first of all.
        """
        if last is None:
            return self._first(sorted(indexes), limit)
        found, complete = [], True
        if last.index in indexes:
            members, complete = self._behind(last, limit)
            found = [Place(last.index, member) for member in members]
        left = limit - len(found)
        if not complete:
            return found + (self.after(found[-1], indexes, left) if left else [])
        return found + self._first(sorted(each for each in indexes if each > last.index), left)

    def _first(self, indexes: Sequence[Index], limit: int) -> list[Place]:
        """The first members of `indexes`, of which each round trip reads twice as many."""
        found: list[Place] = []
        number = 1
        while indexes and len(found) < limit:
            some, indexes = indexes[:number], indexes[number:]
            number *= 2
            commands = [_range(key, 0, limit - len(found)) for _, key in some]
            for index, answer in zip(some, self._client.run(commands), strict=True):
                found += (Place(index, member) for member in _members(answer))
        return found[:limit]

    def _behind(self, last: Place, limit: int) -> tuple[list[Member], bool]:
        """Members behind `last` in its own set, and whether these are all."""
        _, key = last.index
        lowest = repr(last.member[0])
        command = ("ZRANGEBYSCORE", key, lowest, "+inf", "WITHSCORES", "LIMIT", 0, limit + 1)
        members = _members(self._client.run([command])[0])
        found = [member for member in members if member > last.member]
        complete = len(members) <= limit
        if found or complete:
            return found[:limit], complete
        return self._behind_rank(last, self._rank(last), limit)

    def _behind_rank(self, last: Place, rank: int, limit: int) -> tuple[list[Member], bool]:
        """
        The same, where so many members have one score that only ranks say where to go on. Ranks
        change all the time, so a page counts if it begins with a member that is not behind `last`.
        """
        while True:
            members = self._range(last.index, rank, limit + 1)
            if rank and not (members and members[0] <= last.member):
                rank = max(0, rank - limit)
                continue
            found = [member for member in members if member > last.member]
            complete = len(members) <= limit
            if found or complete:
                return found[:limit], complete
            rank += limit

    def _rank(self, last: Place) -> int:
        """About the rank of the last member that is not behind `last`."""
        _, key = last.index
        score = repr(last.member[0])
        counts = [("ZCOUNT", key, "-inf", end) for end in (f"({score}", score)]
        ranks = range(*self._client.run(counts))

        def is_behind(rank: int) -> bool:
            return not any(each <= last.member for each in self._range(last.index, rank, 1))

        return max(0, ranks.start + bisect_left(ranks, True, key=is_behind) - 1)

    def _range(self, index: Index, rank: int, number: int) -> list[Member]:
        return _members(self._client.run([_range(index[1], rank, number)])[0])


def _range(key: str, rank: int, number: int) -> Command:
    return "ZRANGE", key, rank, rank + number - 1, "WITHSCORES"


def _members(answer: Sequence[bytes]) -> list[Member]:
    """From an answer with a score behind each id."""
    return [(float(score), id) for id, score in zip(answer[::2], answer[1::2], strict=True)]


def _packed(score: float) -> bytes:
    """Eight bytes that are in the order of scores."""
    (bits,) = _SCORE.unpack(_DOUBLE.pack(score))
    return _SCORE.pack(bits ^ (_ALL if bits & _SIGN else _SIGN))


def _unpacked(data: bytes) -> float:
    (bits,) = _SCORE.unpack_from(data)
    score: float = _DOUBLE.unpack(_SCORE.pack(bits ^ (_SIGN if bits & _SIGN else _ALL)))[0]
    return score
