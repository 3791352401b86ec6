"""
Servers that go away in the middle of a history: the network is cut, the server is killed and comes
back, a Redis master is lost and its replica takes over. What was acknowledged is there then.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from threading import Thread
from typing import Any

from attrs import define, evolve, field

from benchmarks.cut import Cut
from campaign.drive import drive
from campaign.oracle import Oracle
from campaign.places import new_place
from campaign.steps import Author
from campaign.subjects import SERVERS, redis_options
from campaign.trial import Round, Subject, Subjects, Trial
from servers.process import running
from servers.redises import RedisSentinel, RedisServer

_STEPS = 60
# Seconds from the first change on after which the fault begins, and how long a cut lasts.
_BEGIN_S = 1.0
_LAST_S = 0.5


@define
class Outage:
    """Something that happens beside a history. `is_over`: everything works again."""

    happen: Callable[[], None]
    delay: float
    error: Exception | None = None
    _thread: Thread = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = Thread(target=self._run)

    def __enter__(self) -> "Outage":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()

    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        time.sleep(self.delay)
        try:
            self.happen()
        except Exception as error:  # noqa: BLE001 - it is raised where somebody waits for it
            self.error = error


def outages(round: Round) -> None:
    """One history, with one fault at any moment of it."""
    author, oracle = Author(round.choice), Oracle()
    steps = author.history(_STEPS)
    happen = _fault(round)
    with new_place(round.options()) as place:
        process = place.start()
        process.open()
        with Outage(happen, round.choice.uniform(0, _BEGIN_S)) as outage:
            number = 0
            while number == 0 or not outage.is_over():
                drive(process, oracle, steps, lambda _: outage.is_over())
                steps, number = author.history(5), number + 1
        if outage.error is not None:
            raise outage.error
        drive(process, oracle, author.history(5), lambda _: True)
        round.judge(oracle, process.call("everything"), "after the fault")
        place.end(process)
        again = place.start()
        again.open()
        round.judge(oracle, again.call("everything"), "opened again")
    round.tally.acknowledged += oracle.acknowledged


def _fault(round: Round) -> Callable[[], None]:
    server = round.subject.server
    faults: Mapping[str, Callable[[], None]] = server.faults(round.choice.uniform(0, _LAST_S))
    name = round.choice.choice(list(faults))
    round.note(name)
    return faults[name]


@define
class Reached:
    """A server, reached through a network that can be cut."""

    server: Any
    link: Cut

    def faults(self, seconds: float) -> Mapping[str, Callable[[], None]]:
        return {"cuts": lambda: self._cut(seconds), "kills": self._kill}

    def _cut(self, seconds: float) -> None:
        self.link.cut()
        time.sleep(seconds)
        self.link.mend()

    def _kill(self) -> None:
        self.server.kill()
        self.server.start()


@define
class Replicated:
    """A Redis master and its replica, of which the other one is the master after a failover."""

    sentinel: RedisSentinel

    def faults(self, seconds: float) -> Mapping[str, Callable[[], None]]:
        return {"failovers": self._fail_over, "demotions": self._demote}

    def _fail_over(self) -> None:
        """The master is killed, and comes back as the replica of the other one."""
        master = self._master()
        master.kill()
        self.sentinel.wait_for_master_but(master.port)
        master.start()
        _demand_replicas(master)
        self.sentinel.wait_for_replica()

    def _demote(self) -> None:
        """The sentinel is asked to change them while both live."""
        master = self._master()
        self.sentinel.fail_over()
        self.sentinel.wait_for_master_but(master.port)
        self.sentinel.wait_for_replica()

    def _master(self) -> Any:
        port = self.sentinel.master_port()
        servers = (self.sentinel.master, self.sentinel.replica)
        return next(server for server in servers if server.port == port)


@contextmanager
def _behind_a_link(make: Callable[[], AbstractContextManager[Subject]]) -> Iterator[Subject]:
    with make() as subject:
        link = Cut(subject.server.port)
        direct, near = str(subject.server.port), str(link.port)

        def options(choice: Any) -> Mapping[str, Any]:
            item = subject.options(choice)
            return {**item, "url": item["url"].replace(f":{direct}/", f":{near}/")}

        try:
            yield evolve(subject, options=options, server=Reached(subject.server, link))
        finally:
            link.cut()


@contextmanager
def _redis_replicas() -> Iterator[Subject]:
    with running(RedisSentinel()) as sentinel:
        for server in (sentinel.master, sentinel.replica):
            _demand_replicas(server)
        yield Subject(redis_options(sentinel.url(), replicas=1), Replicated(sentinel))


def _demand_replicas(server: RedisServer) -> None:
    """Of a master: a commit that counts when a replica has it is refused where there is none."""
    server.client().config_set("min-replicas-to-write", 1)
    server.client().config_set("min-replicas-max-lag", 2)


_SUBJECTS: Subjects = {
    **{name: partial(_behind_a_link, make) for name, make in SERVERS.items()},
    "redis-replicas": _redis_replicas,
}

TRIAL = Trial("outages", outages, _SUBJECTS, rounds=8)
