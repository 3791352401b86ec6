"""One store behind transports that demand different things: the strictest binds."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load import wire
from tests.node.conftest import Listener, server_store
from tests.support import briefly, configs
from tests.support.client import Clients
from tests.support.node import Node, wait_for
from tests.support.rude import RudeClient
from tests.support.sites import BRIEF_S, Door, Site
from tests.support.wamp import GOODBYE

pytest_plugins = ["tests.support.servers"]
pytestmark = pytest.mark.node

STRICT = ("short", "bounded", "role")


def test_a_cookie_is_good_where_its_age_is_and_nowhere_else(door: Door, site: Site) -> None:
    """It was given where it may be a day old, and presented where two seconds are allowed."""
    user = site.user()
    with door.client().log_in(user) as first:
        assert first.given is not None
        tabs = [door.client(first.given, demand).come_back(user) for demand in STRICT]
        for tab in tabs:
            with tab:
                wait_for(lambda tab=tab: tab.has_received(GOODBYE), "it is closed", 4 * BRIEF_S)
                assert tab.rest()[-1][2] == "cookietrack.close.expired"
        for demand in STRICT:
            with door.client(first.given, demand) as late:
                assert late.given is not None, demand
                assert late.say_hello(user)[0] == wire.CHALLENGE, demand
        assert first.answers()
        with door.client(first.given) as again:
            again.come_back(user)


Item = dict[str, Any]
DAY: Item = {"max_age": 86_400}
BRIEF: tuple[Item, ...] = (
    {"max_age": BRIEF_S},
    {"idle_timeout": BRIEF_S},
    {"lifetimes": {"user": {"max_age": BRIEF_S}}},
)
ROLLING: Item = {"rolling": True, "absolute_max_age": BRIEF_S, "max_age": BRIEF_S}


class Lasting:
    """A worker's listeners on a store that the next node finds again: `before` it, and `after`."""

    def __init__(self, store: Item) -> None:
        self._day = {**DAY, "store": store}
        self.before, self.said, *self.after = (Listener() for _ in range(7))

    def transports_before(self) -> list[Item]:
        by_function = {"cookie": {}, "ticket": briefly.TICKET}
        return [
            configs.websocket(self.before.port, self._day),
            configs.websocket(self.said.port, self._day, by_function),
        ]

    def transports_after(self) -> list[Item]:
        cookies = self._day, *({**self._day, **each} for each in (*BRIEF, ROLLING))
        return [
            configs.websocket(listener.port, cookie)
            for listener, cookie in zip(self.after, cookies, strict=True)
        ]


@pytest.mark.server
def test_after_a_restart_with_shorter_lifetimes_a_cookie_is_good_for_these(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_node: Callable[..., Node],
    clients: Clients,
) -> None:
    """Redis behind the node's router worker, lmdb behind its proxy worker."""
    with server_store("redis", request) as redis:
        workers = [Lasting(redis), Lasting({"type": "lmdb", "path": str(tmp_path / "cookies")})]
        direct, front = (each.transports_before() for each in workers)
        node = make_node(briefly.findable(configs.proxy(tmp_path, *front, direct=direct)))
        node.start(*(port for each in workers for port in (each.before.port, each.said.port)))
        sessions = [clients.login(each.before.url) for each in workers]
        told = [told_how_long(each.said.port) for each in workers]
        born = time.monotonic()
        node.stop()
        direct, front = (each.transports_after() for each in workers)
        node = make_node(configs.proxy(tmp_path, *front, direct=direct))
        node.start(*(listener.port for each in workers for listener in each.after))
        wait_for(lambda: time.monotonic() - born > BRIEF_S, "they are too old")
        for each, session, cookie in zip(workers, sessions, told, strict=True):
            urls = [listener.url for listener in each.after]
            challenged = [clients.login(url, cookie=session.cookie).challenged for url in urls]
            assert challenged == [False, True, True, True, True]
            by_function = clients.login(urls[0], cookie=cookie)
            assert by_function.challenged, "its authenticator has said so"
        node.stop()


def told_how_long(port: int) -> str:
    """The cookie of a client whose authenticator has shortened its login, and who is not told."""
    with RudeClient(port) as client:
        assert client.say_hello("x@realm1", ["ticket"])[0] == wire.CHALLENGE
        extra = client.prove()[2]["authextra"]
        assert (extra["team"], "cookietrack_max_age" in extra) == (5, False)
        assert client.given is not None
        return client.given
