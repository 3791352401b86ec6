"""
Clients that never log in, on a real node. Their handshakes leave nothing in its store and no memory
in its worker, and users who come back in between are let in by their cookies.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from attrs import frozen

from benchmarks import generator, node
from benchmarks.generator import Generator
from benchmarks.node import Node
from campaign.subjects import SERVERS
from campaign.trial import Round, Trial, embedded

# Handshakes: as many as fill what has a bound; those that count; and those beside users.
_WARM_UP = 20_000
_STRANGERS = 100_000
_BESIDE = 20_000
_CLIENTS = 16
_USERS = 16
# What the worker may need more after the flood.
_FLAT_BYTES = 10 << 20
_COUNTED = ("cookies", "bytes")
_NO_COOKIE, _OURS = "no cookie", "ours"


# What became of strangers and of users.
Found = Mapping[str, Mapping[str, int]]


@frozen
class Flooded:
    """A node on the round's store, and who floods it."""

    node: Node
    load: Generator

    def users(self) -> list[str]:
        """Cookies of users who logged in just now."""
        found: list[str] = self.load.do("collect", port=self._port(), clients=4, count=_USERS)
        return found

    def flood(self, count: int, cookies: Sequence[str] = ()) -> Found:
        found: Found = self.load.do(
            "strangers", port=self._port(), clients=_CLIENTS, count=count, cookies=list(cookies)
        )
        return found

    def store(self) -> dict[str, int]:
        """What the store says of its size."""
        port = self.node.transports[_NO_COOKIE].port
        stat = self.load.do("procedure", port=port, uri="cookietrack.stat", args=[])
        return {key: stat[key] for key in _COUNTED if key in stat}

    def memory(self) -> int:
        """Bytes that the worker has to itself."""
        return int(self.node.worker().memory_full_info().uss)

    def _port(self) -> int:
        return self.node.transports[_OURS].port


def strangers(round: Round) -> None:
    """Two floods, the second beside users: nothing grows, and no user is refused."""
    with _flooded(round) as flooded:
        flooded.flood(round.often(_WARM_UP))
        store, memory = flooded.store(), flooded.memory()
        _judge_strangers(round, flooded.flood(round.often(_STRANGERS)))
        _judge_store(round, store, flooded.store())
        users = flooded.users()
        cookies = flooded.store()["cookies"]
        found = flooded.flood(round.often(_BESIDE), users)
        _judge_strangers(round, found)
        _judge_users(round, found)
        _judge_store(round, {"cookies": cookies}, {"cookies": flooded.store()["cookies"]})
        _judge_memory(round, flooded.memory() - memory)


@contextmanager
def _flooded(round: Round) -> Iterator[Flooded]:
    store = round.options()
    stores = {_NO_COOKIE: None, _OURS: store}
    with (
        generator.running() as load,
        node.running("crossbar-cookietrack", stores, administered=store) as running,
    ):
        yield Flooded(running, load)


def _judge_strangers(round: Round, found: Found) -> None:
    new = found["strangers"]
    round.note("strangers", new["served"])
    if new["failed"] or new["given"] != new["served"]:
        round.fail(f"expected a cookie for each stranger, found {new}")


def _judge_users(round: Round, found: Found) -> None:
    users = found["users"]
    round.tally.acknowledged += users["served"]
    if users["failed"] or users["given"] or not users["served"]:
        round.fail(f"expected users to be let in by their cookies, found {users}")


def _judge_store(round: Round, before: Mapping[str, int], after: Mapping[str, int]) -> None:
    if before != after:
        round.fail(f"expected a store that stays as it is, {before}, found {after}")


def _judge_memory(round: Round, grown: int) -> None:
    round.note("bytes of memory", grown)
    if grown > _FLAT_BYTES:
        round.fail(f"expected at most {_FLAT_BYTES:,} bytes of memory more, found {grown:,}")


_SERVERS = {name: SERVERS[name] for name in ("postgresql", "redis")}
TRIAL = Trial("strangers", strangers, {**embedded("lmdb", "file"), **_SERVERS}, rounds=1)
