"""
The server behind a store goes away under load: silent, dead, restarted, cut off, full.

One node with PostgreSQL and Redis, each behind a proxy that can be cut, and one after the other
every outage. How long the reactor was kept waiting is printed (`pytest -s`) and not asserted:
that is the machine's affair too, and `make bench ONLY=outage` measures it.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest

from benchmarks.cut import Cut
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.header import id_of
from servers.databases import PASSWORD, USER, PostgreSQL
from servers.process import ServerProcess
from servers.process import running as running_server
from servers.redises import RedisServer
from tests.node.conftest import Listener
from tests.support import configs
from tests.support.client import Clients, Session
from tests.support.load import LOGOUT, Load, under
from tests.support.node import Node, running, wait_for
from tests.support.raw import RawHandshake, handshake
from tests.support.smalldisk import full_disk, no_room, small_disk

pytestmark = [pytest.mark.node, pytest.mark.server]

LOADS = 2
# Logins and logouts of each load, before an outage and after it.
ENOUGH = 8
# Seconds for every answer of a server: short, so that a silent one is soon known to be away.
TIMEOUT = 1.0
DATABASE = "cookies"
ROOT = Path(__file__).parents[2]
WENT = "the cookie store {} does not answer: "
CAME_BACK = "the cookie store {} answers again"
# What the log says of a full server: the server's own words, and what to do.
FULL = {
    "sql": re.compile("has no room: .*No space left on device: make room on its disk"),
    "redis": re.compile("has no room: .*'maxmemory'.*: raise maxmemory"),
}


class Site:
    """A store, its server, and the node's transports on it: a strict and a lenient one."""

    # Whether logouts can be stored where nothing else can.
    lets_go_when_full: bool

    def __init__(self, server: ServerProcess, port: int, options: dict[str, Any]) -> None:
        self.server = server
        self.cut = Cut(port)
        url = options["url"].format(self.cut.port)
        self.item = {"store": {**options, "url": url, "timeout": TIMEOUT}}
        # In metrics and in the log.
        self.name = label_of(self.item["store"])
        self.strict, self.lenient = Listener(), Listener()
        self.node: Node
        self.metrics_port: int

    def transports(self) -> list[dict[str, Any]]:
        anonymous = {**self.item, "on_failure": "anonymous"}
        return [
            configs.websocket(self.strict.port, self.item),
            configs.websocket(self.lenient.port, anonymous),
        ]

    def present(self, cookie: str, lenient: bool = False) -> RawHandshake:
        """A handshake with a cookie."""
        place = self.lenient if lenient else self.strict
        return handshake(place.port, f"Cookie: {cookie}")

    def knows(self, cookie: str) -> bool:
        """Whether a client with this cookie keeps it."""
        answer = self.present(cookie)
        return answer.status == 101 and answer.cookie is None

    def stored(self, cookies: list[str]) -> set[str]:
        """Those of the cookies that the server has, asked behind the node's back."""
        ids = {id_of(cookie.partition("=")[2]): cookie for cookie in cookies}
        options = self.item["store"]
        url = options["url"].replace("${COOKIE_PASSWORD}", quote(PASSWORD, safe=""))
        store = find_provider(options["type"]).open({**options, "url": url}, ".")
        try:
            return {ids[id] for id in store.load(list(ids))}
        finally:
            store.close()

    def metric(self, name: str, **labels: str) -> float:
        """The value of one of this store's metrics; 0 for one that is not there."""
        with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics") as response:
            lines = response.read().decode().splitlines()
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        wanted.append(f'store="{self.name}"')
        found = [line for line in lines if line.startswith(f"cookietrack_{name}{{")]
        return sum(
            float(line.rpartition(" ")[2]) for line in found if all(each in line for each in wanted)
        )

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """The status of `/readyz`, and what it says of this store."""
        try:
            with urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics/readyz") as response:
                status, text = response.status, response.read().decode()
        except HTTPError as error:
            status, text = error.code, error.read().decode()
        assert PASSWORD not in text
        assert quote(PASSWORD, safe="") not in text
        return status, next(s for s in json.loads(text)["stores"] if s["store"] == self.name)

    def told(self, since: int = 0) -> tuple[int, int]:
        """How often the log says, from that character on, that the store went and came back."""
        log = self.node.output()[since:]
        return log.count(WENT.format(self.name)), log.count(CAME_BACK.format(self.name))

    def refusals(self) -> tuple[float, float]:
        """Handshakes that were turned away, and those of them because the store is away."""
        refused = self.metric("handshakes_total", outcome="refused")
        return refused, self.metric("faults_total", cause="StoreUnavailable")

    # -- outages: each gives what ends it ------------------------------------------------------

    def silent(self) -> Callable[[], None]:
        self.server.pause()
        return self.server.resume

    def killed(self) -> Callable[[], None]:
        self.server.kill()
        return self.server.start

    def stopped(self) -> Callable[[], None]:
        self.server.stop()
        return self.server.start

    def cut_off(self) -> Callable[[], None]:
        self.cut.cut()
        return self.cut.mend

    def full(self) -> Callable[[], None]:
        """Nothing can be written, everything can be read."""
        raise NotImplementedError


class RedisSite(Site):
    lets_go_when_full = True

    def __init__(self, server: RedisServer) -> None:
        url = "redis://:${{COOKIE_PASSWORD}}@127.0.0.1:{}/0"
        super().__init__(server, server.port, {"type": "redis", "url": url})
        self.redis = server

    def full(self) -> Callable[[], None]:
        self.redis.client().config_set("maxmemory", "1")
        return lambda: self.redis.client().config_set("maxmemory", "0") and None


class SqlSite(Site):
    lets_go_when_full = False

    def __init__(self, server: PostgreSQL) -> None:
        url = f"postgresql://{USER}:${{{{COOKIE_PASSWORD}}}}@127.0.0.1:{{}}/{DATABASE}"
        super().__init__(server, server.port, {"type": "sql", "url": url})
        self.database = server

    def full(self) -> Callable[[], None]:
        with ExitStack() as stack:
            stack.enter_context(full_disk(self.database, DATABASE))
            return stack.pop_all().close


OUTAGES = {
    "silent": Site.silent,
    "killed": Site.killed,
    "stopped": Site.stopped,
    "cut off": Site.cut_off,
}


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Site]]:
    """One node on both; its reactor is watched by the benchmarks' own probe."""
    with ExitStack() as stack:
        postgresql = stack.enter_context(running_server(PostgreSQL()))
        postgresql.execute(f"CREATE DATABASE {DATABASE}")
        redis = stack.enter_context(running_server(RedisServer()))
        sites = {"sql": SqlSite(postgresql), "redis": RedisSite(redis)}
        transports = [each for site in sites.values() for each in site.transports()]
        web = Listener()
        endpoint = {"type": "tcp", "port": web.port, "interface": "127.0.0.1"}
        paths = {"metrics": {"type": "cookietrack-metrics"}}
        transports.append({"type": "web", "endpoint": endpoint, "paths": paths})
        probe = {"type": "class", "classname": "benchmarks.probe.Probe", "role": "user"}
        components = [{**probe, "realm": configs.REALM}]
        node = Node(
            tmp_path_factory.mktemp("outages"), configs.router(*transports, components=components)
        )
        ports = [place.port for site in sites.values() for place in (site.strict, site.lenient)]
        env = {"COOKIE_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)}
        stack.enter_context(running(node, *ports, web.port, env=env))
        for site in sites.values():
            site.node, site.metrics_port = node, web.port
            stack.callback(site.cut.cut)
        yield sites
        for secret in (PASSWORD, quote(PASSWORD, safe="")):
            assert secret not in node.output()


@pytest.fixture(params=["sql", "redis"])
def site(request: pytest.FixtureRequest, sites: dict[str, Site]) -> Site:
    return sites[request.param]


@pytest.fixture(scope="module")
def crowd() -> Iterator[list[Clients]]:
    """Processes of clients, which take longer to start than an outage to end."""
    crowd = [Clients() for _ in range(LOADS + 1)]
    yield crowd
    for clients in crowd:
        clients.close()


@pytest.fixture
def clients(crowd: list[Clients]) -> Clients:
    return crowd[-1]


@pytest.fixture
def load(site: Site, crowd: list[Clients]) -> list[Load]:
    return [Load(site.strict.url, each) for each in crowd[:LOADS]]


@pytest.fixture
def outage(site: Site, request: pytest.FixtureRequest) -> Iterator[Callable[[str], Any]]:
    """Begins an outage; the function that it gives, or the end of the test, ends it."""
    with ExitStack() as stack:

        @contextmanager
        def begin(name: str) -> Iterator[None]:
            end = stack.callback(getattr(site, name.replace(" ", "_"))())
            yield
            stack.pop_all()
            end()

        yield begin


def has_grown(load: list[Load]) -> Callable[[], bool]:
    """A condition: every load has gone on from here."""
    before = [len(each.gone) for each in load]
    return lambda: all(
        len(each.gone) >= count + ENOUGH for each, count in zip(load, before, strict=True)
    )


def is_undisturbed(session: Session) -> bool:
    """A call to the worker is answered, even while its store is away."""
    return session.call("wamp.session.get", session.session)["authid"] == session.authid


@contextmanager
def watched(session: Session, what: str) -> Iterator[None]:
    """Print how long the reactor was kept waiting within the block."""
    session.call("bench.watch")
    yield
    stall, own = (session.call(f"bench.{name}") * 1000 for name in ("stall", "own_stall"))
    print(f"\nlongest stall of the reactor, {what}: {stall:.1f} ms,", end=" ")
    print(f"without waits for a processor {own:.1f} ms")


def is_known(site: Site, clients: Clients, cookie: str, user: str = "alice") -> bool:
    """Whether a client with this cookie is asked for no secret. A slow answer of the store's is
    a refusal, which says neither."""

    def come() -> Session | None:
        session = clients.login(site.strict.url, user, cookie=cookie)
        return session if session.joined else None

    session: Session = wait_for(come, "somebody is let in")
    return not session.challenged


def contradictions(site: Site, clients: Clients, load: list[Load]) -> list[str]:
    """Where what clients were told is not so."""
    found = []
    for each in load:
        for cookie in each.welcomed:
            if not is_known(site, clients, cookie):
                found.append(f"{cookie} saw WELCOME, and is unknown")
        for cookie in (*each.gone, *each.unsure):
            if is_known(site, clients, cookie):
                found.append(f"{cookie} was logged out, and is known")
    return found


@pytest.mark.parametrize("name", OUTAGES)
def test_what_clients_were_told_is_true_after_an_outage_and_nobody_is_known_meanwhile(
    name: str, site: Site, clients: Clients, load: list[Load], outage: Callable[[str], Any]
) -> None:
    bystander = clients.login(site.strict.url, "bob")
    known = clients.login(site.strict.url)
    with watched(bystander, f"{site.item['store']['type']} {name}"), under(load):
        wait_for(has_grown(load), "logins and logouts before it")
        with outage(name):
            refused = [site.present(known.cookie) for _ in range(3)]
            let_in = clients.login(site.lenient.url, cookie=known.cookie)
            assert is_undisturbed(bystander)
        wait_for(has_grown(load), "logins and logouts after it")
    assert site.stored([cookie for each in load for cookie in each.gone]) == set()
    assert {answer.status for answer in refused} == {503}
    assert {answer.header("Retry-After") for answer in refused} == {"5"}
    assert {answer.cookie for answer in refused} == {None}
    assert let_in.joined
    assert let_in.challenged
    assert let_in.set_cookie is None
    assert is_undisturbed(bystander)
    assert is_undisturbed(known)
    assert contradictions(site, clients, load) == []


def test_no_login_and_no_logout_of_an_outage_is_told_and_the_logout_is_stored_after_it(
    site: Site, clients: Clients, outage: Callable[[str], Any]
) -> None:
    leaving, arriving = clients.login(site.strict.url), enter(clients, site.strict.url)
    with outage("cut off"):
        assert leaving.leave(LOGOUT)["leave_reason"] != "wamp.close.normal"
        arriving.join("wampcra")
        assert not arriving.status()["joined"]
        for session in (leaving, arriving):
            assert session.wait_closed()["close_code"] == 1011
        assert site.present(leaving.cookie).status == 503
    assert not is_known(site, clients, arriving.cookie)
    assert not is_known(site, clients, leaving.cookie)
    wait_for(lambda: site.stored([leaving.cookie]) == set(), "the logout is stored")


def enter(clients: Clients, url: str) -> Session:
    """A client that has a connection and has not said HELLO."""
    return clients.open(url, None, ("wampcra",), "alice", "alice-secret", join=False)


def test_a_full_server_lets_in_whom_it_knows_and_takes_nobody_new(
    site: Site, clients: Clients, load: list[Load], outage: Callable[[str], Any]
) -> None:
    known, leaving = clients.login(site.strict.url, "bob"), clients.login(site.strict.url)
    arriving = enter(clients, site.strict.url)
    with watched(known, f"{site.item['store']['type']} full"), under(load):
        wait_for(has_grown(load), "logins and logouts before it")
        with outage("full"):
            assert site.knows(known.cookie)
            left = leaving.leave(LOGOUT)["leave_reason"] == "wamp.close.normal"
            assert left == site.lets_go_when_full
            assert not arriving.join("wampcra")["joined"]
            assert not site.knows(leaving.cookie)
            assert is_undisturbed(known)
        wait_for(has_grown(load), "logins and logouts after it")
    assert FULL[site.item["store"]["type"]].search(site.node.output())
    assert is_known(site, clients, known.cookie, "bob")
    assert not is_known(site, clients, leaving.cookie)
    assert contradictions(site, clients, load) == []


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(megabytes=128) as folder:
        yield folder


@pytest.fixture
def cramped(disk: Path, tmp_path: Path) -> Iterator[SqlSite]:
    """A server that has all it has on a small disk, and a node on it."""
    # Its disk will be full: then there is no room for the line that says so.
    with running_server(PostgreSQL(folder=disk, log=tmp_path / "server.log")) as server:
        server.execute(f"CREATE DATABASE {DATABASE}")
        site = SqlSite(server)
        site.node = Node(tmp_path, configs.router(*site.transports()))
        ports = site.strict.port, site.lenient.port
        with running(site.node, *ports, env={"COOKIE_PASSWORD": PASSWORD}):
            yield site
            site.cut.cut()


def is_known_to_be_away(site: Site) -> bool:
    """Whether strangers are refused, who ask the store for nothing until that is known."""
    site.present("cbtid=unknown")
    return handshake(site.strict.port).status == 503


def test_a_server_without_room_for_its_log_panics_and_all_is_true_when_it_has_room_again(
    disk: Path, cramped: SqlSite, clients: Clients, crowd: list[Clients]
) -> None:
    load = [Load(cramped.strict.url, each) for each in crowd[:LOADS]]
    known, leaving = (clients.login(cramped.strict.url) for _ in range(2))
    with under(load):
        wait_for(has_grown(load), "logins and logouts before it")
        with no_room(cramped.database, disk):
            # Behind it there are the statements of all clients.
            assert "PANIC" in cramped.database.log(1_000_000)
            wait_for(lambda: cramped.present(known.cookie).status == 503, "it does not answer")
            assert leaving.leave(LOGOUT)["leave_reason"] != "wamp.close.normal"
            wait_for(lambda: is_known_to_be_away(cramped), "it is known to be away")
            assert clients.login(cramped.lenient.url, cookie=known.cookie).challenged
            assert is_undisturbed(known)
        wait_for(has_grown(load), "logins and logouts after it")
    wait_for(lambda: cramped.stored([leaving.cookie]) == set(), "the logout is stored")
    assert cramped.stored([cookie for each in load for cookie in each.gone]) == set()
    assert not is_known(cramped, clients, leaving.cookie)
    assert is_known(cramped, clients, known.cookie)
    assert contradictions(cramped, clients, load) == []


def test_log_and_metrics_tell_when_the_server_went_and_when_it_came_back(
    site: Site, sites: dict[str, Site], clients: Clients, outage: Callable[[str], Any]
) -> None:
    known = clients.login(site.strict.url)
    wait_for(lambda: are_calm(sites), "it is told that earlier outages are over")
    before, refused = len(site.node.output()), site.refusals()
    with outage("cut off"):
        for _ in range(3):
            assert site.present(known.cookie).status == 503
        assert site.refusals() == (refused[0] + 3, refused[1] + 3)
        assert site.metric("store_up") == 0
        status, store = site.readiness()
        assert (status, store["status"]) == (503, "unavailable")
        assert store["cause"]
        with urlopen(f"http://127.0.0.1:{site.metrics_port}/metrics/healthz") as response:
            assert response.status == 200
    wait_for(lambda: are_calm(sites), "it is told that it is over")
    assert site.metric("store_up") == 1
    wait_for(lambda: site.readiness()[1]["cause"] is None, "it is ready again")
    assert site.told(before) == (1, 1)


def are_calm(sites: dict[str, Site]) -> bool:
    """Whether every store takes clients, and every outage so far is told to be over."""
    answers = [handshake(site.strict.port).status for site in sites.values()]
    told = [site.told() for site in sites.values()]
    return set(answers) == {101} and all(went == came_back for went, came_back in told)
