"""Two nodes behind one store: what one of them does is true on the other."""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import define

from benchmarks.load import wire
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.tracking.freshness import MAX_STALE_S
from servers.process import running
from servers.redises import RedisServer
from tests.node.conftest import Listener, server_store
from tests.support import configs
from tests.support.client import Clients
from tests.support.endings import ELSEWHERE_S
from tests.support.limited import Visit, logins_of
from tests.support.node import BIN, Node, wait_for
from tests.support.walkers import Walker, logged_in, principals, users
from tests.support.wamp import GOODBYE, LOGOUT, WampClient

pytest_plugins = ["tests.support.servers"]
pytestmark = [pytest.mark.node, pytest.mark.server]

WALKERS, STEPS = 4, 250
# What a node's listeners allow a user, by their names.
MAX_SESSIONS, LOGINS = 5, 200
LIMITS = ("end_oldest", "deny")
ITEMS: Mapping[str, dict[str, Any]] = {
    "plain": {},
    **{name: {"max_sessions": MAX_SESSIONS, "on_max_sessions": name} for name in LIMITS},
}
NAMES = principals("dora", "emil", *LIMITS, walkers=WALKERS)
LOGIN = {**configs.LOGIN, "ticket": {"type": "static", "principals": NAMES}}


@define
class Cluster:
    """`sides`: where the nodes are to be reached, in their order, by the names of `ITEMS`."""

    store: dict[str, Any]
    nodes: Sequence[Node]
    sides: Sequence[Mapping[str, Listener]]

    @property
    def listeners(self) -> list[Listener]:
        return [side["plain"] for side in self.sides]

    @property
    def ports(self) -> list[int]:
        return self.ports_of("plain")

    def ports_of(self, name: str) -> list[int]:
        return [side[name].port for side in self.sides]


@pytest.fixture(scope="module", params=["postgresql", "redis"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A node whose clients are on a router worker, and one whose are on a proxy worker."""
    with server_store(request.param, request) as store:
        sides = [{name: Listener() for name in ITEMS} for _ in range(2)]
        direct, front = (
            [
                configs.websocket(side[name].port, {"store": store, **item}, LOGIN)
                for name, item in ITEMS.items()
            ]
            for side in sides
        )
        folder = tmp_path_factory.mktemp(request.param)
        nodes = [
            Node(folder / "direct", administered(configs.router(*direct), store)),
            Node(folder / "front", administered(configs.proxy(folder, *front), store)),
        ]
        with running_nodes(nodes, sides):
            yield Cluster(store, nodes, sides)


def administered(config: dict[str, Any], store: dict[str, Any]) -> dict[str, Any]:
    """With the WAMP procedures in the router worker."""
    config["workers"][0]["components"] = [
        {
            "type": "class",
            "classname": "cookietrack_plugin.router.component.CookieAdministration",
            "realm": configs.REALM,
            "role": "user",
            "extra": {"store": store},
        }
    ]
    return config


@contextmanager
def running_nodes(nodes: Sequence[Node], sides: Sequence[Mapping[str, Listener]]) -> Iterator[None]:
    """Both start at once, on a store that has no tables yet."""

    def start(node: Node, side: Mapping[str, Listener]) -> None:
        node.start(*(listener.port for listener in side.values()))

    with ThreadPoolExecutor(len(nodes)) as pool:
        try:
            list(pool.map(start, nodes, sides))
            yield
        finally:
            list(pool.map(Node.stop, nodes))


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_a_login_on_one_node_is_good_on_the_other(
    first: int, second: int, cluster: Cluster, clients: Clients
) -> None:
    one, two = cluster.listeners[first].url, cluster.listeners[second].url
    entered = clients.login(one)
    again = clients.login(two, cookie=entered.cookie)
    assert (entered.challenged, again.challenged) == (True, False)
    assert (again.authid, again.authprovider) == ("alice", "cookie")
    assert again.set_cookie is None


@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_a_logout_on_one_node_ends_the_connections_on_the_other(
    first: int, second: int, cluster: Cluster
) -> None:
    here, there = cluster.ports[first], cluster.ports[second]
    leaving, stranger = logged_in(here, "dora"), logged_in(there, "emil")
    with WampClient(there, leaving.given) as sibling:
        assert sibling.hello("dora")[2]["authprovider"] == "cookie"
        assert leaving.log_out()[0] == GOODBYE
        left = time.monotonic()
        with WampClient(there, leaving.given) as late:
            assert late.given is not None
        said, closed = sibling.wait_closed()
        print(f"closed on the other node after {closed - left:.3f} s")
        assert [message[0] for message in said] == [GOODBYE]
        assert said[0][2] == LOGOUT
    assert stranger.call("wamp.session.count") > 0
    for client in (leaving, stranger):
        client.close()


@pytest.mark.parametrize("number", [0, 1])
def test_the_command_on_one_node_ends_a_user_on_both(
    number: int, cluster: Cluster, clients: Clients
) -> None:
    sessions = [clients.login(listener.url, "bob") for listener in cluster.listeners]
    stranger = clients.login(cluster.listeners[1 - number].url)
    assert "2 cookies ended" in revoke("bob", cluster.nodes[number].cbdir)
    ended = time.monotonic()
    for session in sessions:
        assert session.wait_closed()["leave_reason"] == LOGOUT
    print(f"closed on both nodes after {time.monotonic() - ended:.3f} s")
    for session in sessions:
        for listener in cluster.listeners:
            assert clients.login(listener.url, "bob", cookie=session.cookie).challenged
    assert not stranger.status()["closed"]
    revoke("bob", cluster.nodes[number].cbdir)


def revoke(authid: str, node_dir: Path) -> str:
    """What the command prints."""
    done = subprocess.run(
        [BIN / "cookietrack", "revoke", "--authid", authid, "--yes", str(node_dir)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_node_that_is_cut_off_from_the_store_lets_nobody_in_by_what_it_knew(
    make_node: Callable[..., Node], listener: Listener
) -> None:
    """A HELLO that comes long after its handshake: the cookie may have been ended elsewhere."""
    with running(RedisServer()) as server:
        store = {"type": "redis", "url": server.url(), "timeout": 1}
        node = make_node(configs.router(configs.websocket(listener.port, {"store": store}, LOGIN)))
        node.start(listener.port)
        with logged_in(listener.port, "dora") as first:
            early, late = (WampClient(listener.port, first.given) for _ in range(2))
            with server.paused():
                unknown = "revocations of other workers are not known"
                wait_for(lambda: unknown in node.output(), "it")
                time.sleep(MAX_STALE_S)
                assert early.hello("dora")[0] == wire.CHALLENGE
            known = "revocations of other workers are known again"
            wait_for(lambda: known in node.output(), "it again")
            assert late.hello("dora")[2]["authprovider"] == "cookie"
            assert first.call("wamp.session.count") > 0
            early.close()
            late.close()


def test_whatever_is_done_at_both_nodes_at_once_both_know_who_is_who(cluster: Cluster) -> None:
    provider = find_provider(cluster.store["type"])
    store = provider.open(cluster.store, str(cluster.nodes[0].cbdir))
    logged = [len(node.output()) for node in cluster.nodes]
    try:
        walkers = [Walker(number, cluster.ports, store) for number in range(WALKERS)]
        with ThreadPoolExecutor(WALKERS) as pool:
            list(pool.map(lambda walker: walker.walk(STEPS), walkers))
        for walker in walkers:
            found = [
                cookie for user in users(walker.number) for cookie in records(store, authid=user)
            ]
            assert {cookie.id: cookie.auth.authid for cookie in found} == walker.known_ids()
    finally:
        store.close()
    for node, before in zip(cluster.nodes, logged, strict=True):
        assert "Traceback" not in node.output()[before:]


@pytest.mark.parametrize("choice", LIMITS)
def test_however_many_logins_of_a_user_race_at_both_nodes_no_more_are_in_than_may_be(
    choice: str, cluster: Cluster
) -> None:
    ports = cluster.ports_of(choice)
    provider = find_provider(cluster.store["type"])
    store = provider.open(cluster.store, str(cluster.nodes[0].cbdir))
    visits = [Visit(ports[number % 2], choice) for number in range(LOGINS)]
    try:
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(Visit.begin, visits))
        for each in visits:
            each.prove()
        for each in visits:
            each.hear()
        over = time.monotonic()
        wait_for(lambda: len(logins_of(store, choice)) <= MAX_SESSIONS, "it holds", ELSEWHERE_S)
        ids = logins_of(store, choice)
        wait_for(lambda: {v.id for v in visits if v.is_in()} == ids, "all know", ELSEWHERE_S)
        print(f"{len(ids)} of {LOGINS} are in, {time.monotonic() - over:.3f} s after the last")
        assert ids
        if choice == "deny":
            assert len(ids) == MAX_SESSIONS
            assert sum(each.was_denied() for each in visits) > LOGINS // 2
        again = Visit(ports[0], choice)
        again.begin()
        again.prove()
        again.hear()
        assert again.is_in() == (choice == "end_oldest")
        visits.append(again)
    finally:
        for each in visits:
            each.close()
        store.close()
