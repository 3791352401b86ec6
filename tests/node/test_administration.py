"""Looking at cookies and ending them: by WAMP procedures, by the command, on every worker."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import BIN, Node, running, wait_for
from tests.support.wamp import LOGOUT

pytestmark = pytest.mark.node

LMDB = {"store": STORES["lmdb"]}
INVALID = "wamp.error.invalid_argument"


def an_id(session: Any) -> str:
    return id_of(session.cookie.partition("=")[2])


class Administered:
    """
    A node with the component in its router worker, a proxy worker, and another router worker, all
    on one store; and a transport on another store, with its metrics.
    """

    def __init__(self, folder: Path) -> None:
        self.listeners = {name: Listener() for name in ("router", "proxy", "other")}
        self.metered = Metered()
        cookie = {**LMDB, "audit": {"filename": "audit.jsonl", "required": True}}
        router, proxy, other = (
            configs.websocket(each.port, cookie) for each in self.listeners.values()
        )
        config = configs.proxy(
            folder,
            proxy,
            direct=[router, *self.metered.transports()],
            components=[configs.administration(store=STORES["lmdb"])],
        )
        config["workers"].append(configs.router_worker(other))
        self.node = self.metered.node = Node(folder / "node", config)

    def ports(self) -> list[int]:
        return [*(each.port for each in self.listeners.values()), *self.metered.ports()]

    def empty(self, clients: Clients) -> None:
        """
        End what other tests have left. Every worker has heard of that, and of all ends before: a
        user's end that is heard late would hit the next test's login.
        """
        bob = clients.login(self.listeners["router"].url, "bob")
        here = [clients.login(each.url, "carol") for each in self.listeners.values()]
        bob.call("cookietrack.revoke", [cookie["id"] for cookie in bob.call("cookietrack.list")])
        for session in (bob, *here):
            session.wait_closed()


@pytest.fixture(scope="module")
def running_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administered]:
    administered = Administered(tmp_path_factory.mktemp("administered"))
    with running(administered.node, *administered.ports()):
        yield administered


@pytest.fixture
def clients(lasting_clients: Clients) -> Clients:
    return lasting_clients


@pytest.fixture
def administered(running_node: Administered, clients: Clients) -> Node:
    running_node.empty(clients)
    return running_node.node


@pytest.fixture(params=["router", "proxy"])
def listener(request: pytest.FixtureRequest, running_node: Administered) -> Listener:
    return running_node.listeners[request.param]


def test_the_operator_lists_looks_counts_and_ends(
    administered: Node, clients: Clients, listener: Listener
) -> None:
    alice, phone = clients.login(listener.url), clients.login(listener.url)
    bob = clients.login(listener.url, "bob")
    wait_for(lambda: not isinstance(bob.call("cookietrack.stat"), str), "the component")
    bob.subscribe("cookietrack.on_revoked")

    listed = bob.call("cookietrack.list", authid="alice")
    assert {each["id"] for each in listed} == {an_id(alice), an_id(phone)}
    shown = bob.call("cookietrack.get", an_id(alice))
    assert shown["authid"] == "alice"
    assert shown["peer"].startswith("tcp4:127.0.0.1:")
    assert shown["user_agent"].startswith("AutobahnPython")
    assert shown["created"] <= shown["seen"] < shown["expires"]
    assert bob.call("cookietrack.get", "x" * 24) is None
    assert bob.call("cookietrack.count") == 3
    assert bob.call("cookietrack.count", authid="alice") == 2
    assert bob.call("cookietrack.stat")["cookies"] == 3

    ended = bob.call("cookietrack.revoke_by_authid", "alice")
    assert ended["cookies"] == 2
    for session in (alice, phone):
        assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
        assert clients.login(listener.url, cookie=session.cookie).challenged
    told = wait_for(
        lambda: (e := [args[0] for _, args, _ in bob.events()]) and e[-1]["id"] is None and e,
        "the event of the user",
    )
    assert {(each["authid"], each["authrealm"]) for each in told} <= {
        ("alice", None),
        ("alice", "realm1"),
    }
    # Of the cookies that have connections in the component's worker: none, where that is no proxy.
    assert {each["id"] for each in told[:-1]} in (set(), {an_id(alice), an_id(phone)})
    ended = bob.call("cookietrack.revoke", [an_id(bob), "y" * 24])
    # Who ends the session that asks may hear of that first.
    assert "error" in ended or ended["cookies"] == 1
    assert bob.wait_closed()["leave_reason"] == "wamp.close.logout"


def test_the_audit_log_says_who_did_what_and_can_be_rotated(
    administered: Node, clients: Clients, listener: Listener
) -> None:
    path = administered.cbdir / "audit.jsonl"
    path.rename(path.with_suffix(".1"))
    alice = clients.login(listener.url)
    again = clients.login(listener.url, cookie=alice.cookie)
    bob = clients.login(listener.url, "bob")
    assert bob.call("cookietrack.revoke", an_id(alice))["cookies"] == 1
    again.wait_closed()

    def by_operator(line: str) -> bool:
        entry = json.loads(line)
        return (entry["event"], entry["by"]) == ("revoked", "operator")

    def written() -> str | None:
        # The last line may be half written.
        text = path.read_text().rpartition("\n")[0]
        return text if any(map(by_operator, text.splitlines())) else None

    text = wait_for(written, "a line in the new file")
    lines = [json.loads(line) for line in text.splitlines()]
    of_alice = [each for each in lines if each["id"] == an_id(alice)]
    events = [each["event"] for each in of_alice]
    assert events[:4] == ["created", "login", "authenticated", "resumed"]
    assert {(each["authid"], each["authrealm"]) for each in of_alice[1:4]} == {("alice", "realm1")}
    assert all(each["peer"].startswith("tcp4:127.0.0.1:") for each in of_alice[:4])
    # Behind a proxy, its worker has a line too, for the connections that it has ended.
    by = {each["by"]: each for each in of_alice if each["event"] == "revoked"}
    assert (by["operator"]["by_authid"], by["operator"]["by_authrealm"]) == ("bob", "realm1")
    assert set(by) <= {"operator", "elsewhere"}
    for session in (alice, bob):
        assert session.cookie.partition("=")[2] not in text


def test_users_see_and_end_their_own_devices_and_no_others(
    administered: Node, clients: Clients, listener: Listener
) -> None:
    alice, phone = clients.login(listener.url), clients.login(listener.url)
    bob = clients.login(listener.url, "bob")
    mine = alice.call("cookietrack.my.list")
    assert {each["id"]: each["current"] for each in mine} == {
        an_id(alice): True,
        an_id(phone): False,
    }

    refused = alice.call("cookietrack.my.revoke", an_id(bob))
    assert refused["error"] == INVALID
    assert refused["args"] == [f"id: expected one of your devices, found {an_id(bob)}"]
    assert alice.call("cookietrack.my.revoke_others")["cookies"] == 1
    phone.wait_closed()
    assert not clients.login(listener.url, cookie=alice.cookie).challenged
    assert not clients.login(listener.url, "bob", cookie=bob.cookie).challenged


@pytest.mark.parametrize("listener", ["router"], indirect=True)
def test_wrong_arguments_are_told_and_change_nothing(
    administered: Node, clients: Clients, listener: Listener
) -> None:
    alice = clients.login(listener.url)
    wrong = [
        (("cookietrack.get", "short"), "digits, - and _, found another string of length 5"),
        (
            ("cookietrack.revoke", 5),
            "24 letters, digits, - and _, found an integer",
        ),
        (("cookietrack.revoke", ["x" * 24, None]), "digits, - and _, found null"),
        (("cookietrack.revoke_by_authid", ""), 'a string that is not empty, found ""'),
        (("cookietrack.revoke_by_authid", None), "a string that is not empty, found null"),
        (("cookietrack.list", 7), "authid: expected a string that is not empty, found an integer"),
        (
            ("cookietrack.list", None, None, 0),
            "expected an integer from 1 to 10000, found 0",
        ),
        (("cookietrack.my.revoke", "short"), "id: expected a cookie's id"),
        (("cookietrack.my.revoke",), "missing a required argument: 'id'"),
        (("cookietrack.my.list", {"caller_authid": "bob"}), "too many positional arguments"),
        (("cookietrack.my.revoke_others", 1), "too many positional arguments"),
        (("cookietrack.revoke",), "missing a required argument: 'id'"),
        (("cookietrack.revoke", "a" * 24, {}), "too many positional arguments"),
        (("cookietrack.revoke_by_authid",), "missing a required argument: 'authid'"),
        (("cookietrack.stat", 1), "too many positional arguments"),
        (("cookietrack.count", 1), "a string that is not empty, found an integer"),
    ]
    value = alice.cookie.partition("=")[2]
    for call, message in wrong:
        answer = alice.call(*call)
        assert answer["error"] == INVALID, call
        assert message in answer["args"][0]
    unknown = alice.call("cookietrack.list", user="alice")
    assert unknown["error"] == INVALID
    assert unknown["args"] == ["got an unexpected keyword argument 'user'"]
    # A value that a caller takes for an id does not get into the log.
    alice.call("cookietrack.get", value)
    alice.call("cookietrack.my.revoke", value)
    assert value not in administered.output()
    assert "onUserError" not in administered.output()
    assert alice.call("cookietrack.count") == 1


def test_the_command_ends_a_user_on_every_worker(
    administered: Node, running_node: Administered, clients: Clients
) -> None:
    places = [running_node.listeners[name] for name in ("proxy", "router", "other")]
    first = clients.login(places[0].url)
    sessions = [first, *(clients.login(place.url, cookie=first.cookie) for place in places[1:])]
    sessions.append(clients.login(places[1].url))
    bob = clients.login(places[2].url, "bob")
    words = ("--authid", "alice", "--yes", "--transport", "worker002")

    done = subprocess.run(
        [BIN / "cookietrack", "revoke", *words, str(administered.cbdir)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("2 cookies ended\n", "")
    for session in sessions:
        assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
    lines = {
        f"cookie revoked id={an_id(first)} authid=alice authrealm=realm1": 3,
        f"cookie revoked id={an_id(sessions[-1])} authid=alice authrealm=realm1": 1,
    }

    def logged() -> dict[str, int]:
        log = administered.output()
        return {line: log.count(line) for line in lines}

    wait_for(lambda: logged() == lines, "the log")
    for place in places:
        assert clients.login(place.url, cookie=first.cookie).challenged
    assert bob.call("wamp.session.get", bob.session)["authid"] == "bob"
    assert not clients.login(places[0].url, "bob", cookie=bob.cookie).challenged


METRICS_AT = ("", "m/", "deep/m/")


class Metered:
    """A transport on a store of its own, and the metrics of its worker."""

    STORE = {"type": "lmdb", "path": ".metered"}
    node: Node

    def __init__(self) -> None:
        self.listener, self._web = Listener(), Listener()

    def transports(self) -> list[dict[str, Any]]:
        endpoint = {"type": "tcp", "port": self._web.port, "interface": "127.0.0.1"}
        service = {"type": "cookietrack-metrics"}
        paths = {"/": service, "m": service, "deep": {"type": "path", "paths": {"m": service}}}
        metrics = {"type": "web", "endpoint": endpoint, "paths": paths}
        return [configs.websocket(self.listener.port, {"store": self.STORE}), metrics]

    def ports(self) -> list[int]:
        return [self.listener.port, self._web.port]

    def wait(self) -> None:
        """Crossbar adds the paths of a Web transport once it listens, one by one."""
        wait_for(self._has_paths, "the metrics are there")

    def _has_paths(self) -> bool:
        try:
            return all(self.get(f"{place}healthz") for place in METRICS_AT)
        except HTTPError:
            return False

    def get(self, path: str) -> str:
        with urlopen(f"http://127.0.0.1:{self._web.port}/{path}") as response:
            text: str = response.read().decode()
            return text

    def metrics(self) -> str:
        return self.get("m")

    def commits(self) -> float:
        """How many batches the store has made durable."""
        found = re.search(
            r'^cookietrack_commit_seconds_count\{store="lmdb:.metered"\} (\S+)$',
            self.metrics(),
            re.M,
        )
        assert found
        return float(found[1])


def test_metrics_and_one_log_line_for_each_event(
    running_node: Administered, clients: Clients
) -> None:
    metered = running_node.metered
    metered.wait()
    node, listener = metered.node, metered.listener
    assert metered.commits() == 0
    strangers = [clients.open(listener.url, join=False) for _ in range(3)]
    assert all(stranger.set_cookie for stranger in strangers)
    assert metered.commits() == 0, "who does not log in is written nowhere"
    first = clients.login(listener.url)
    assert metered.commits() == 1, "record and login in one"
    clients.login(listener.url, cookie=first.cookie).leave(LOGOUT)

    text = metered.metrics()
    store = 'store="lmdb:.metered"'
    for line in (
        f'cookietrack_handshakes_total{{outcome="new",{store}}} 4.0',
        f'cookietrack_handshakes_total{{outcome="returning",{store}}} 1.0',
        f'cookietrack_events_total{{kind="authenticated",{store}}} 1.0',
        f'cookietrack_events_total{{kind="revoked",{store}}} 1.0',
        f"cookietrack_store_up{{{store}}} 1.0",
        f"cookietrack_cookies{{{store}}} 0.0",
        f"cookietrack_queued_writes{{{store}}} 0.0",
    ):
        assert line in text, text
    # The login and the logout; that the client came back in between is written later, if at all.
    assert metered.commits() in (2, 3)
    wait_for(lambda: f"cookie revoked id={an_id(first)}" in node.output(), "the log")
    log = node.output()
    for kind, lines in (("created", 0), ("authenticated", 1), ("revoked", 1)):
        assert log.count(f"cookie {kind} id={an_id(first)}") == lines
    assert json.dumps(Metered.STORE) not in text

    for place in METRICS_AT:
        assert f"cookietrack_store_up{{{store}}} 1.0" in metered.get(f"{place}metrics")
        assert json.loads(metered.get(f"{place}healthz")) == {"status": "ok"}
        ready = [
            {"store": f"lmdb:{name}", "status": "ok", "cause": None}
            for name in (".cookies", ".metered")
        ]
        answer = json.loads(metered.get(f"{place}readyz"))
        answer["stores"].sort(key=lambda each: each["store"])
        assert answer == {"status": "ok", "stores": ready}
