"""What the load generator can be asked to do. Arguments and results travel as JSON."""

import math
from functools import partial
from typing import Any

from benchmarks import config
from benchmarks.load import wire
from benchmarks.load.crowd import Crowd
from benchmarks.load.loop import Loop, now
from benchmarks.load.visit import Script, Visit

WARMUP = 0.2
SETTLING = 3
LOGOUT = "wamp.close.logout"
# Of a load with an outage: seconds after which it has to be over.
LAST = 0.5


def visits(
    port: int, clients: int, seconds: float, join: bool = False, cookies: list[str] | None = None
) -> dict[str, Any]:
    """
    How many visits a second the server can take when `clients` come again and again. With `join`
    they log in by ticket; with `cookies` they come back with these in turn.
    """
    loop = Loop()
    settle(loop, port)
    begin = now() + WARMUP
    crowd = Crowd(loop, port, scripts(port, join, cookies), begin)
    crowd.keep(clients)
    # However slow the server is: a rate of nothing can be compared with nothing.
    loop.run(lambda: now() >= begin + seconds and bool(crowd.spans or crowd.failed))
    elapsed = now() - begin
    crowd.disperse()
    return {"rate": len(crowd.spans) / elapsed, **_summary(crowd)}


def strangers(port: int, clients: int, count: int, cookies: list[str]) -> dict[str, Any]:
    """
    `count` visits without a cookie and without a login, while one client after the other comes back
    with these, if there are any, and is in when its cookie alone lets it in. What became of both.
    """
    loop = Loop()
    new = Crowd(loop, port, scripts(port), now())
    again = Crowd(loop, port, _by_cookie(port, cookies), now())
    new.keep(clients)
    again.keep(1 if cookies else 0)
    loop.run(lambda: new.served + new.failed >= count)
    new.disperse()
    again.disperse()
    return {"strangers": _summary(new), "users": _summary(again)}


def collect(port: int, clients: int, count: int) -> list[str]:
    """The cookies of so many clients that logged in by ticket."""
    loop = Loop()
    crowd = Crowd(loop, port, scripts(port, join=True), now())
    crowd.keep(clients)
    loop.run(lambda: len(crowd.spans) >= count)
    crowd.disperse()
    return crowd.given[:count]


def calls(
    port: int, caller_port: int, seconds: float, visits_per_second: float, calls_per_second: float
) -> dict[str, Any]:
    """
    How long a procedure call takes, from the moment it was due, over a connection to `caller_port`,
    while new clients visit `port`.
    """
    loop = Loop()
    settle(loop, port)
    caller = joined(loop, caller_port)
    begin = now() + WARMUP
    crowd = Crowd(loop, port, scripts(port), begin)
    # A server that cannot keep up has to be done with them some time.
    crowd.pace(visits_per_second, now(), begin + seconds)
    spans: list[float] = []

    def call(due: float) -> None:
        caller.call("bench.echo", 1, then=lambda _: spans.append(now() - due))
        following = due + 1 / calls_per_second
        loop.at(following, lambda: call(following))

    loop.at(begin, lambda: call(begin))
    loop.run(lambda: now() >= begin + seconds and bool(spans))
    crowd.disperse()
    caller.close()
    return {"calls": quantiles(spans), **_summary(crowd)}


def stall(
    port: int, caller_port: int, seconds: float, visits_per_second: float, logins_per_second: float
) -> dict[str, Any]:
    """
    The longest stall of the worker's reactor, in milliseconds, while new clients visit `port`, and
    others log in there and out again; `own`: without waits for a processor. How many were served
    and how many were not; `recovered`: how many of those who came at the end were served.
    """
    loop = Loop()
    settle(loop, caller_port)
    caller = joined(loop, caller_port)
    begin = now() + WARMUP
    end = begin + seconds
    crowds = [Crowd(loop, port, scripts(port), end - LAST)]
    crowds.append(Crowd(loop, port, scripts(port, join=True, leave=True), end - LAST))
    for crowd, rate in zip(crowds, (visits_per_second, logins_per_second), strict=True):
        crowd.pace(rate, now(), end)
    stalls: list[float] = []
    loop.at(begin, lambda: caller.call("bench.watch", then=lambda _: None))
    for procedure in ("bench.stall", "bench.own_stall"):
        loop.at(end, partial(caller.call, procedure, then=stalls.append))
    loop.run(lambda: len(stalls) == 2)
    for crowd in crowds:
        crowd.disperse()
    caller.close()
    return {
        "stall_ms": stalls[0] * 1e3,
        "own_ms": stalls[1] * 1e3,
        "served": [crowd.served for crowd in crowds],
        "failed": [crowd.failed for crowd in crowds],
        "recovered": [len(crowd.spans) for crowd in crowds],
    }


def procedure(port: int, uri: str, args: list[Any]) -> Any:
    """Call one procedure and give its result."""
    loop = Loop()
    caller = joined(loop, port)
    results: list[Any] = []
    caller.call(uri, *args, then=results.append)
    loop.run(lambda: bool(results))
    caller.close()
    return results[0]


class Held:
    """Connections that stay open between `hold` and `release`."""

    def __init__(self) -> None:
        self._loop = Loop()
        self._visits: list[Visit] = []

    def hold(self, port: int, connections: int) -> int:
        """Open as many connections, each with a cookie of its own and logged in."""
        wanted = scripts(port, join=True)
        for number in range(connections):
            self._visits.append(join(self._loop, port, wanted[number % len(wanted)]))
        return len(self._visits)

    def release(self) -> None:
        for visit in self._visits:
            visit.close()
        self._visits.clear()


def scripts(
    port: int, join: bool = False, cookies: list[str] | None = None, leave: bool = False
) -> list[Script]:
    """What visitors do, one script for each cookie and each person. `leave`: they log out again."""
    requests = [wire.upgrade(port, config.PATH, cookie) for cookie in cookies or [None]]
    if not join:
        return [Script(request) for request in requests]
    people = len(config.AUTHIDS)
    return [
        Script(
            requests[number % len(requests)],
            wire.hello(config.REALM, ["ticket"], config.AUTHIDS[number % people]),
            wire.authenticate(config.TICKET),
            wire.goodbye(LOGOUT) if leave else b"",
            wire.GOODBYE if leave else wire.WELCOME,
        )
        for number in range(math.lcm(people, len(requests)))
    ]


def _by_cookie(port: int, cookies: list[str]) -> list[Script]:
    hello = wire.hello(config.REALM, ["cookie"])
    return [
        Script(wire.upgrade(port, config.PATH, cookie), hello, until=wire.WELCOME)
        for cookie in cookies
    ]


def settle(loop: Loop, port: int) -> None:
    """Wait until the server has seen that the visitors of an earlier job have gone."""
    for _ in range(SETTLING):
        joined(loop, port).close()


def joined(loop: Loop, port: int) -> Visit:
    """A visit that is logged in."""
    return join(loop, port, scripts(port, join=True)[0])


def join(loop: Loop, port: int, script: Script) -> Visit:
    outcome: list[bool] = []
    visit = Visit(loop, port, script, lambda _, succeeded: outcome.append(succeeded))
    loop.run(lambda: bool(outcome))
    if not outcome[0]:
        raise ConnectionError(f"port {port} refused the login")
    return visit


def quantiles(spans: list[float]) -> dict[str, float]:
    """Median, 99th percentile and maximum, in milliseconds; how many there were."""
    ordered = sorted(spans) or [math.nan]
    count = len(ordered)
    return {
        "count": len(spans),
        "p50": ordered[count // 2] * 1e3,
        "p99": ordered[min(count - 1, count * 99 // 100)] * 1e3,
        "max": ordered[-1] * 1e3,
    }


def _summary(crowd: Crowd) -> dict[str, Any]:
    return {
        "served": crowd.served,
        "failed": crowd.failed,
        "given": len(crowd.given),
        "visits": quantiles(crowd.spans),
    }
