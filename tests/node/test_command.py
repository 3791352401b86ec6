"""The command beside a node that runs, and a move from Crossbar's own store that nobody notices."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.node import BIN, COOKIETRACK, CROSSBAR, wait_for

pytestmark = pytest.mark.node


README = Path(__file__).parents[2] / "README.md"
# Of a node with two of them.
TRANSPORTS = ("worker001/transport001", "worker001/transport002")


def cookietrack(*words, folder="."):
    command = [BIN / "cookietrack", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


def value_of(session):
    return session.cookie.partition("=")[2] or session.cookie


@pytest.fixture
def alone(make_node):
    """A node with stores that nobody else can have open: a `file`, and one in two memories."""
    listeners = {name: Listener() for name in ("file", "memory", "second")}
    file, memory, second = (
        configs.websocket(listener.port, {"store": STORES.get(name, STORES["memory"])})
        for name, listener in listeners.items()
    )
    workers = [configs.router_worker(file, memory), configs.router_worker(second)]
    node = make_node({"version": 2, "workers": workers})
    node.start(*(listener.port for listener in listeners.values()))
    return node, {name: listener.url for name, listener in listeners.items()}


@contextmanager
def watching(clients, url, *words, folder):
    """`cookietrack watch`, in a group of its own, from when it prints who logs in."""
    with subprocess.Popen(
        [BIN / "cookietrack", "watch", *words, "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for(
                lambda: clients.login(url, "bob") and select.select([process.stdout], [], [], 0)[0],
                "the first event",
            )
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def next_event(process, event, authid):
    """The next event of that kind, of that user; those before it are passed over."""
    for line in process.stdout:
        found = json.loads(line)
        if (found["event"], found["authid"]) == (event, authid):
            return found
    raise AssertionError("the end of the events")


def printed(*words, folder):
    answer = cookietrack(*words, folder=folder)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def check_ends(clients, url, folder, place, *options):
    """Sessions of a store are seen and ended from the shell: one, and all."""
    alice, bob = clients.login(url), clients.login(url, "bob")
    id = id_of(value_of(alice))
    with watching(clients, url, place, *options, folder=folder) as events:
        assert id in printed("ls", place, *options, "--authid", "alice", folder=folder)
        ended = printed("revoke", place, id, *options, "--yes", folder=folder)
        assert ended == "1 cookie ended\n"
        assert alice.wait_closed()["leave_reason"] == "wamp.close.logout"
        event = next_event(events, "revoked", "alice")
        assert (event["worker"], event["id"], event["by"]) == ("worker001", id, "operator")
        assert clients.login(url, cookie=alice.cookie).challenged
        assert next_event(events, "login", "alice")["reason"] == "wampcra"
        assert bob.call("wamp.session.get", bob.session)["authid"] == "bob"
        printed("revoke", place, *options, "--all", "--yes", folder=folder)
        assert bob.wait_closed()["leave_reason"] == "wamp.close.logout"


def test_sessions_in_stores_that_a_node_alone_has_are_ended_from_the_shell(alone, clients):
    """Of a file, by its place; and of memories, by the directory of the node."""
    node, urls = alone
    check_ends(clients, urls["file"], node.folder, "file:.crossbar/cookies.dat")
    memory = (".", "--transport", "worker001/transport002")
    check_ends(clients, urls["memory"], node.folder, *memory)

    last = clients.login(urls["second"])
    shown = printed("show", "memory:", id_of(value_of(last)), "--json", folder=node.folder)
    assert json.loads(shown)["worker"] == "worker002"
    refused = cookietrack("migrate", "lmdb:nothing", "file:cookies.dat", folder=node.cbdir)
    assert refused.returncode == 3

    sockets = node.cbdir / ".cookietrack"
    assert sorted(each.name for each in sockets.iterdir()) == ["worker001.sock", "worker002.sock"]
    with watching(clients, urls["second"], "memory:", folder=node.folder) as events:
        node.stop()
        assert list(sockets.iterdir()) == []
        node.start(urlsplit(urls["second"]).port)
        assert "watching worker002\n" in iter(events.stderr.readline, "")
        clients.login(urls["second"])
        assert next_event(events, "login", "alice")["worker"] == "worker002"


def test_after_a_move_by_the_readmes_words_every_client_is_known(make_node, clients):
    """From both of Crossbar's stores: each to a store of its own."""
    listeners = {theirs: Listener() for theirs in ("file", "database")}
    ports = [each.port for each in listeners.values()]

    def config(stores):
        transports = [
            configs.websocket(listeners[theirs].port, {"store": store})
            for theirs, store in stores.items()
        ]
        return configs.router(*transports)

    node = make_node(config({theirs: STORES[theirs] for theirs in listeners}), command=CROSSBAR)
    node.start(*ports)
    clients_of = {
        theirs: (clients.login(each.url), clients.login(each.url, "bob"))
        for theirs, each in listeners.items()
    }
    for _, bob in clients_of.values():
        bob.leave("wamp.close.logout")

    words = re.search(r"^    cookietrack (migrate .*)$", README.read_text(), re.M)[1].split()
    moves = {
        theirs: [*words[:-1], f"{words[-1]}-{theirs}", "--from-transport", transport]
        for theirs, transport in zip(listeners, TRANSPORTS, strict=True)
    }
    for move in moves.values():
        running = cookietrack(*move, folder=node.folder)
        assert running.returncode == 3
        assert "is in use by a running node" in running.stderr
    node.stop()
    wait_for(lambda: not (node.cbdir / "node.pid").exists(), "the node's end")
    items = {}
    for theirs, move in moves.items():
        moved = cookietrack(*move, folder=node.folder)
        assert moved.returncode == 0, moved.stderr
        items[theirs] = json.loads(re.search(r"^store item +(.*)$", moved.stdout, re.M)[1])

    (node.cbdir / "config.json").write_text(json.dumps(config(items)))
    node.command = COOKIETRACK
    node.start(*ports)
    for theirs, (alice, bob) in clients_of.items():
        url = listeners[theirs].url
        again = clients.login(url, cookie=alice.cookie)
        assert (again.challenged, again.authprovider, again.authid) == (False, "cookie", "alice")
        assert clients.login(url, "bob", cookie=bob.cookie).challenged


LOOKING = """
import os, sys
from contextlib import redirect_stderr, redirect_stdout
from cookietrack_plugin.admin.cli import main

directory, counter, transport = sys.argv[1:]
with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
    for command in ("ls", "stat", "verify") * 1_000_000:
        try:
            main.main([command, directory, "--transport", transport])
        except SystemExit as end:
            with open(counter, "a") as file:
                file.write(f"{end.code}\\n")
"""


@contextmanager
def looked_at(node, transport):
    """Within the block a process looks at the transport's store, over and over; its exit codes."""
    counter = node.folder / f"codes-{Path(transport).name}"
    counter.touch()
    command = [sys.executable, "-c", LOOKING, str(node.cbdir), str(counter), transport]
    with subprocess.Popen(command) as process:
        try:
            wait_for(lambda: len(counter.read_text().split()) > 3, "the first looks")
            yield lambda: counter.read_text().split()
        finally:
            process.kill()


def test_a_node_starts_while_its_stores_are_looked_at(make_node, clients):
    """A look locks nobody out, and makes nothing that is in the node's way."""
    listeners = {name: Listener() for name in ("file", "lmdb")}
    transports = [
        configs.websocket(listener.port, {"store": STORES[name]})
        for name, listener in listeners.items()
    ]
    node, ports = make_node(configs.router(*transports)), [each.port for each in listeners.values()]
    node.start(*ports)
    before = {listener: clients.login(listener.url) for listener in listeners.values()}
    node.stop()
    with ExitStack() as stack:
        looks = [stack.enter_context(looked_at(node, each)) for each in TRANSPORTS]
        node.start(*ports)
        for listener, alice in before.items():
            again = clients.login(listener.url, cookie=alice.cookie)
            assert (again.challenged, again.authid) == (False, "alice")
            clients.login(listener.url, "bob").leave("wamp.close.logout")
        for codes in looks:
            assert set(codes()) <= {"0", "3"}
    for complaint in ("in use", "cannot be opened", "does not answer", "is rewritten"):
        assert complaint not in node.output()
