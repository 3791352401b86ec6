"""
Nodes whose clients come in by a router worker and by a proxy worker, and to other workers and nodes
behind the same store.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from servers.ports import free_port
from tests.support import configs
from tests.support.node import Node
from tests.support.observer import Observer
from tests.support.rude import TICKET, RudeClient

Item = dict[str, Any]

REALMS = (configs.REALM, configs.REALM2)
OPERATOR = f"operator@{configs.REALM}"
USERS = 400
PRINCIPALS = {name: {"ticket": TICKET, "role": "user"} for name in ["operator"]}
PRINCIPALS |= {f"user{number}": {"ticket": TICKET, "role": "user"} for number in range(USERS)}
TICKETS = {"type": "static", "principals": PRINCIPALS}
LOGIN: Item = {"cookie": {}, "ticket": TICKETS}
VISITOR: Item = {"type": "static", "role": "anonymous"}
# Seconds: lifetimes that a test can wait for.
BRIEF_S = 2
# What the listeners of a door demand, by name: the rest of the `cookie` item, the `auth` item.
DEMANDS: Mapping[str, tuple[Item, Item]] = {
    "plain": ({}, LOGIN),
    "idle": ({"idle_timeout": BRIEF_S}, LOGIN),
    "short": ({"max_age": BRIEF_S}, LOGIN),
    "role": ({"lifetimes": {"user@realm1": {"max_age": BRIEF_S}}}, LOGIN),
    "bounded": ({"max_age": BRIEF_S, "rolling": True, "absolute_max_age": BRIEF_S}, LOGIN),
    "tracking": ({}, {"ticket": TICKETS}),
    "visited": ({}, {**LOGIN, "anonymous": VISITOR}),
}


class Door:
    """
    One worker's listeners. `observer`: of the realm that its clients get into, once it runs.
    `administers`: the procedures `cookietrack.*` run in this worker.
    """

    observer: Observer

    def __init__(self, name: str, administers: bool, demands: Mapping[str, Any]) -> None:
        self.name = name
        self.administers = administers
        self._demands = demands
        self._ports = {demand: free_port() for demand in demands}

    def port(self, demand: str = "plain") -> int:
        return self._ports[demand]

    def ports(self) -> list[int]:
        return list(self._ports.values())

    def client(self, cookie: str | None = None, demand: str = "plain", **more: Any) -> RudeClient:
        """A new connection; it has not said HELLO."""
        return RudeClient(self.port(demand), cookie, **more)

    def transports(self, store: Item) -> list[Item]:
        return [
            configs.websocket(self._ports[name], {**cookie, "store": store}, auth)
            for name, (cookie, auth) in self._demands.items()
        ]


class Place:
    """
    A node directory: a router worker with the procedures, a proxy worker in front of it and, with
    `another`, a second router worker with a router of its own. All are on the same `store`.
    """

    def __init__(
        self,
        folder: Path,
        store: Item,
        label: str = "",
        another: bool = False,
        demands: Mapping[str, tuple[Item, Item]] = DEMANDS,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.doors = [Door(f"{label}router", True, demands), Door(f"{label}proxy", False, demands)]
        self.others = [Door(f"{label}other worker", False, demands)] if another else []
        folder.mkdir(parents=True, exist_ok=True)
        self.node = Node(folder / "node", self._config(folder, store))
        self._env = dict(env or {})

    def _config(self, folder: Path, store: Item) -> Item:
        direct, front = (door.transports(store) for door in self.doors)
        administration = configs.administration(store=store)
        workers = [
            configs.router_worker(
                configs.backend(folder), *direct, realms=REALMS, components=[administration]
            ),
            configs.proxy_worker(folder, *front, realms=REALMS),
        ]
        for door in self.others:
            workers.append(configs.router_worker(*door.transports(store), realms=REALMS))
        return {"version": 2, "workers": workers}

    def start(self) -> None:
        doors = [*self.doors, *self.others]
        self.node.start(*(port for door in doors for port in door.ports()), env=self._env)

    def observe(self) -> Iterator[Observer]:
        """An observer for each router."""
        for doors in filter(None, (self.doors, self.others)):
            observer = Observer(doors[0].port(), OPERATOR)
            for door in doors:
                door.observer = observer
            yield observer


class Site:
    """
    Places on one store. `here`: the router and the proxy of the first. `elsewhere`: other doors.
    """

    def __init__(self, store: Item, places: Sequence[Place]) -> None:
        self.store = store
        self.places = places
        self.here = {door.name: door for door in places[0].doors}
        others = [*places[0].others, *(door for place in places[1:] for door in place.doors)]
        self.elsewhere = {door.name: door for door in others}
        self._numbers = count()

    @property
    def operator(self) -> Observer:
        """Who calls the procedures."""
        return self.here["router"].observer

    def user(self, realm: str = configs.REALM) -> str:
        """One who has not been here before."""
        return f"user{next(self._numbers)}@{realm}"


@contextmanager
def opened(store: Item, places: Sequence[Place]) -> Iterator[Site]:
    """All places at once, on a store that is empty."""
    with ThreadPoolExecutor(len(places)) as pool, ExitStack() as stack:
        stack.callback(lambda: list(pool.map(lambda place: place.node.stop(), places)))
        list(pool.map(Place.start, places))
        for place in places:
            for observer in place.observe():
                stack.callback(observer.close)
        yield Site(store, places)
