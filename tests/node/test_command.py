"""The command beside a node that runs, and a move from Crossbar's own store that nobody notices."""

import json
import os
import re
import select
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.node import BIN, COOKIETRACK, CROSSBAR, wait_for

pytestmark = pytest.mark.node


README = Path(__file__).parents[2] / "README.md"


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


@pytest.mark.parametrize("theirs", ["file", "database"])
def test_after_a_move_by_the_readmes_words_every_client_is_known(
    make_node, clients, listener, theirs
):
    before = configs.router(configs.websocket(listener.port, {"store": STORES[theirs]}))
    node = make_node(before, command=CROSSBAR)
    node.start(listener.port)
    alice, bob = clients.login(listener.url), clients.login(listener.url, "bob")
    bob.leave("wamp.close.logout")

    migrate = re.search(r"^    cookietrack (migrate .*)$", README.read_text(), re.M)[1].split()
    running = cookietrack(*migrate, folder=node.folder)
    assert running.returncode == 3
    assert "is in use by a running node" in running.stderr
    node.stop()
    wait_for(lambda: not (node.cbdir / "node.pid").exists(), "the node's end")
    moved = cookietrack(*migrate, folder=node.folder)
    assert moved.returncode == 0, moved.stderr

    item = json.loads(re.search(r"^store item +(.*)$", moved.stdout, re.M)[1])
    config = configs.router(configs.websocket(listener.port, {"store": item}))
    (node.cbdir / "config.json").write_text(json.dumps(config))
    node.command = COOKIETRACK
    node.start(listener.port)
    again = clients.login(listener.url, cookie=alice.cookie)
    assert (again.challenged, again.authprovider, again.authid) == (False, "cookie", "alice")
    assert clients.login(listener.url, "bob", cookie=bob.cookie).challenged


LOOKING = """
import os, sys
from contextlib import redirect_stderr, redirect_stdout
from cookietrack_plugin.admin.cli import main

directory, counter = sys.argv[1:]
with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
    for command in ("ls", "stat", "verify") * 1_000_000:
        try:
            main.main([command, directory])
        except SystemExit as end:
            with open(counter, "a") as file:
                file.write(f"{end.code}\\n")
"""


@contextmanager
def looked_at(node):
    """Within the block a process looks at the node's store, over and over; its exit codes."""
    counter = node.folder / "codes"
    counter.touch()
    command = [sys.executable, "-c", LOOKING, str(node.cbdir), str(counter)]
    with subprocess.Popen(command) as process:
        try:
            wait_for(lambda: len(counter.read_text().split()) > 3, "the first looks")
            yield lambda: counter.read_text().split()
        finally:
            process.kill()


@pytest.mark.parametrize("store", ["file", "lmdb"])
def test_a_node_starts_while_its_store_is_looked_at(make_node, clients, listener, store):
    """A look locks nobody out, and makes nothing that is in the node's way."""
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES[store]})))
    node.start(listener.port)
    alice = clients.login(listener.url)
    node.stop()
    with looked_at(node) as codes:
        node.start(listener.port)
        again = clients.login(listener.url, cookie=alice.cookie)
        assert (again.challenged, again.authid) == (False, "alice")
        clients.login(listener.url, "bob").leave("wamp.close.logout")
        assert set(codes()) <= {"0", "3"}
    for complaint in ("in use", "cannot be opened", "does not answer", "is rewritten"):
        assert complaint not in node.output()
