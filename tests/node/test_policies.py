"""One store behind transports that demand different things: the strictest binds."""

import time
from collections.abc import Callable, Iterator
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


@pytest.fixture
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Item]:
    """A store that a node finds again."""
    if request.param == "lmdb":
        yield {"type": "lmdb", "path": str(tmp_path / "cookies")}
    else:
        with server_store(request.param, request) as item:
            yield item


@pytest.mark.parametrize(
    ("lasting", "place"),
    [("lmdb", "proxy"), pytest.param("redis", "router", marks=pytest.mark.server)],
    indirect=True,
)
def test_after_a_restart_with_shorter_lifetimes_a_cookie_is_good_for_these(
    lasting: Item,
    place: Callable[..., Item],
    make_node: Callable[..., Node],
    clients: Clients,
) -> None:
    day = {"store": lasting, "max_age": 86_400}
    brief = (
        {"max_age": BRIEF_S},
        {"idle_timeout": BRIEF_S},
        {"lifetimes": {"user": {"max_age": BRIEF_S}}},
    )
    rolling = {"rolling": True, "absolute_max_age": BRIEF_S, "max_age": BRIEF_S}
    before, said, *after = (Listener() for _ in range(7))
    by_function = {"cookie": {}, "ticket": briefly.TICKET}
    transports = configs.websocket(before.port, day), configs.websocket(said.port, day, by_function)
    node = make_node(briefly.findable(place(*transports)))
    node.start(before.port, said.port)
    session = clients.login(before.url)
    told = told_how_long(said.port)
    born = time.monotonic()
    node.stop()
    cookies = day, *({**day, **each} for each in (*brief, rolling))
    shorter = [
        configs.websocket(listener.port, cookie)
        for listener, cookie in zip(after, cookies, strict=True)
    ]
    make_node(place(*shorter)).start(*(each.port for each in after))
    wait_for(lambda: time.monotonic() - born > BRIEF_S, "it is too old")
    challenged = [clients.login(each.url, cookie=session.cookie).challenged for each in after]
    assert challenged == [False, True, True, True, True]
    assert clients.login(after[0].url, cookie=told).challenged, "its authenticator has said so"


def told_how_long(port: int) -> str:
    """The cookie of a client whose authenticator has shortened its login, and who is not told."""
    with RudeClient(port) as client:
        assert client.say_hello("x@realm1", ["ticket"])[0] == wire.CHALLENGE
        extra = client.prove()[2]["authextra"]
        assert (extra["team"], "cookietrack_max_age" in extra) == (5, False)
        assert client.given is not None
        return client.given
