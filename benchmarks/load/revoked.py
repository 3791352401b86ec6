"""What the load generator does while users are revoked. Arguments and results travel as JSON."""

from functools import partial
from typing import Any

from benchmarks import config
from benchmarks.load.jobs import WARMUP, join, joined, scripts, settle
from benchmarks.load.loop import Loop, now
from benchmarks.load.visit import Visit

REVOKE = "cookietrack.revoke_by_authid"
# Seconds of a load before a revocation.
BEFORE = 0.2


def crowd(port: int, caller_port: int, connections: int, seconds: float, end: bool) -> Any:
    """
    So many clients of one user, who never read and never close, are revoked at once if `end` is
    true. The longest stall of the worker's reactor within `seconds`, in milliseconds; `own`:
    without waits for a processor; how many cookies were ended.
    """
    loop = Loop()
    settle(loop, caller_port)
    caller = joined(loop, caller_port)
    # The cookies of those who are not revoked stay.
    number = -1 if end else -2
    user = config.AUTHIDS[number]
    clients = [_deaf(loop, port, number) for _ in range(connections)]
    collected: list[int] = []
    caller.call("bench.collect", then=collected.append)
    loop.run(lambda: bool(collected))
    ended: list[Any] = [] if end else [{"cookies": 0}]
    stalls: list[float] = []
    begin = now() + WARMUP
    loop.at(begin, lambda: caller.call("bench.watch", then=lambda _: None))
    if end:
        loop.at(begin + BEFORE, lambda: caller.call(REVOKE, user, then=ended.append))
    for procedure in ("bench.stall", "bench.own_stall"):
        loop.at(begin + seconds, partial(caller.call, procedure, then=stalls.append))
    loop.run(lambda: len(stalls) == 2 and bool(ended))
    for client in (*clients, caller):
        client.close()
    return {"stall_ms": stalls[0] * 1e3, "own_ms": stalls[1] * 1e3, **ended[0]}


def _deaf(loop: Loop, port: int, number: int) -> Visit:
    client = join(loop, port, scripts(port, join=True)[number])
    client.deafen()
    return client


def many(caller_port: int, seconds: float, calls_per_second: float, authid: str | None) -> Any:
    """
    The longest of these calls, in milliseconds, from the moment at which it was due, while all
    cookies of a user are ended, if one is given; how many there were, and how long that took.
    """
    loop = Loop()
    settle(loop, caller_port)
    caller, operator = joined(loop, caller_port), joined(loop, caller_port)
    begin = now() + WARMUP
    spans: list[float] = []
    ended: list[Any] = []

    def call(due: float) -> None:
        caller.call("bench.echo", 1, then=lambda _: spans.append(now() - due))
        following = due + 1 / calls_per_second
        loop.at(following, lambda: call(following))

    def answered(answer: Any) -> None:
        ended.append({**answer, "seconds": now() - begin - BEFORE})

    loop.at(begin, lambda: call(begin))
    if authid:
        loop.at(begin + BEFORE, lambda: operator.call(REVOKE, authid, then=answered))
    else:
        ended.append({"cookies": 0, "seconds": 0.0})
    loop.run(lambda: now() >= begin + seconds and bool(ended and spans))
    for client in (caller, operator):
        client.close()
    return {"longest_ms": max(spans) * 1e3, **ended[0]}
