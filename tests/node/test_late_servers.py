"""A node that starts while the servers of its stores are away."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.request import urlopen

import pytest

from benchmarks.cut import Cut
from servers.databases import PASSWORD, PostgreSQL
from servers.ports import free_port
from servers.process import ServerProcess
from servers.redises import RedisServer
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node, running, wait_for
from tests.support.raw import RawHandshake, handshake

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]

COMPONENT = "cookietrack_plugin.router.component.CookieAdministration"
TIMEOUT = 1.0
# A server that is just starting, and one that hangs.
OUTAGES: dict[str, Callable[[ServerProcess, Cut], Any]] = {
    "refuses": lambda server, cut: _is_cut(cut),
    "is silent": lambda server, cut: server.paused(),
}


@contextmanager
def _is_cut(cut: Cut) -> Iterator[None]:
    cut.cut()
    try:
        yield
    finally:
        cut.mend()


class Late:
    """The stores of a node, the places where clients knock, and the outage that it starts in."""

    def __init__(self, postgresql: PostgreSQL, redis_server: RedisServer, database: str) -> None:
        self.servers = [(postgresql, Cut(postgresql.port)), (redis_server, Cut(redis_server.port))]
        postgres, redis = (cut.port for _, cut in self.servers)
        self.sql = {"type": "sql", "url": _through(postgresql.url(database), postgres)}
        self.redis = {"type": "redis", "url": _through(redis_server.url(), redis)}
        for store in self.sql, self.redis:
            store["timeout"] = TIMEOUT
        self.websocket, self.web, self.universal = free_port(), free_port(), free_port()
        self.ports = (self.websocket, self.web, self.universal)
        self.places = {
            "sql": [(self.websocket, "/"), (self.web, "/deep/ws")],
            "redis": [(self.web, "/ws"), (self.web, "/deep/er/ws"), (self.universal, "/ws")],
        }

    def transports(self) -> list[dict[str, Any]]:
        sql, redis = self._service(self.sql), self._service(self.redis)
        static = {f"page{number}": {"type": "json", "value": number} for number in range(20)}
        nested = {"type": "path", "paths": {"ws": redis}}
        deep = {"type": "path", "paths": {"ws": sql, "er": nested}}
        paths = {**static, "ws": redis, "deep": deep, "metrics": {"type": "cookietrack-metrics"}}
        endpoint = {"type": "tcp", "interface": "127.0.0.1"}
        return [
            configs.websocket(self.websocket, {"store": self.sql}),
            {"type": "web", "endpoint": {**endpoint, "port": self.web}, "paths": paths},
            {
                "type": "universal",
                "endpoint": {**endpoint, "port": self.universal},
                "websocket": {"ws": redis},
            },
        ]

    def knock(self) -> list[RawHandshake]:
        return [self._knock(place) for places in self.places.values() for place in places]

    def outage(self, name: str) -> Any:
        stack = ExitStack()
        for server, cut in self.servers:
            stack.enter_context(OUTAGES[name](server, cut))
        return stack

    def up(self) -> dict[str, float]:
        """What the metrics say of the stores."""
        with urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=30) as page:
            lines = [line.split() for line in page.read().decode().splitlines()]
        return {
            store["type"]: float(value)
            for store in (self.sql, self.redis)
            for name, value in (line for line in lines if len(line) == 2)
            if name.startswith("cookietrack_store_up{") and store["type"] in name
        }

    def _service(self, store: dict[str, Any]) -> dict[str, Any]:
        return {"type": "websocket", "cookie": {"store": store}, "auth": configs.LOGIN}

    def _knock(self, place: tuple[int, str]) -> RawHandshake:
        port, path = place
        return handshake(port, path=path)


def _through(url: str, port: int) -> str:
    """The URL of a server, by another port of this machine."""
    head, _, tail = url.rpartition("@")
    place, slash, rest = tail.partition("/")
    return f"{head}@{place.partition(':')[0]}:{port}{slash}{rest}"


@pytest.fixture
def late(postgresql: PostgreSQL, redis_server: RedisServer) -> Iterator[Late]:
    redis_server.client().flushall()
    with postgresql.database() as database:
        yield Late(postgresql, redis_server, database)


@contextmanager
def first_answers(port: int, path: str) -> Iterator[list[int]]:
    """What a client is told that knocks all the time, from before anybody listens."""
    found: list[int] = []
    ended = Event()

    def knock() -> None:
        while not ended.is_set():
            try:
                answer = handshake(port, path=path)
            except OSError:
                ended.wait(0.001)
            else:
                # A node that stops ends connections without a word.
                found.extend([answer.status] if answer.response else [])

    thread = Thread(target=knock)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize(("worker", "outage"), [*zip(["router", "proxy"], OUTAGES, strict=True)])
def test_it_listens_answers_503_and_serves_when_they_have_come(
    worker: str, outage: str, late: Late, tmp_path: Path, clients: Clients
) -> None:
    transports = late.transports()
    config = (
        configs.router(*transports) if worker == "router" else configs.proxy(tmp_path, *transports)
    )
    node = Node(tmp_path, config)
    with ExitStack() as stack:
        answers = stack.enter_context(first_answers(late.web, "/ws"))
        with late.outage(outage):
            stack.enter_context(running(node, *late.ports))
            refused = late.knock()
            assert {each.status for each in refused} == {503}
            assert {each.header("Retry-After") for each in refused} == {"5"}
            assert {each.cookie for each in refused} == {None}
            wait_for(lambda: set(late.up().values()) == {0.0}, "metrics say that they are away")
            wait_for(lambda: said(node) == 2, "a line in the log for each")
        wait_for(lambda: {each.status for each in late.knock()} == {101}, "all are served", 15)
        assert set(answers) == {503, 101}
        assert set(late.up().values()) == {1.0}
        for port, path in [(late.websocket, "/"), (late.web, "/deep/er/ws")]:
            url = f"ws://127.0.0.1:{port}{path}"
            session = clients.login(url)
            assert session.joined
            assert not clients.login(url, cookie=session.cookie).challenged
    assert said(node) == 2
    wait_for(lambda: "is it running, and can this host reach it?" in node.output(), "the log")
    assert PASSWORD not in node.output()


def said(node: Node) -> int:
    return node.output().count("cannot be opened yet; until it can, clients get 503")


def test_web_paths_are_there_from_the_first_connection_on(
    late: Late, tmp_path: Path, clients: Clients
) -> None:
    node = Node(tmp_path, configs.router(*late.transports()))
    with ExitStack() as stack:
        shallow, nested = (
            stack.enter_context(first_answers(late.web, path)) for path in ("/ws", "/deep/er/ws")
        )
        stack.enter_context(running(node, *late.ports))
        wait_for(lambda: len(shallow) > 20 and len(nested) > 20, "answers")
        page = f"http://127.0.0.1:{late.web}/page19"
        wait_for(lambda: urlopen(page, timeout=30).read() == b"19", "all services are started")
    # Where opening a store takes longer than two seconds, they listen before it is open.
    assert {*shallow, *nested} <= {101, 503}
    assert 101 in shallow
