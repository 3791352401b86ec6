"""The command beside a node that runs, and a move from Crossbar's own store that nobody notices."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES, Listener, clients, listener, make_node
from tests.support import configs
from tests.support.node import CROSSBAR, wait_for

pytestmark = pytest.mark.node

# Fixtures of the tests with nodes, in the place of those for tests without.
__all__ = ["clients", "listener", "make_node"]

PROGRAM = str(Path(sys.executable).parent / "cookietrack")


def cookietrack(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60)


def value_of(session):
    return session.cookie.partition("=")[2] or session.cookie


def test_ending_a_users_cookies_from_the_shell_closes_their_connections_on_every_worker(
    make_node, clients, listener, tmp_path
):
    other = Listener()
    item = {"store": {**STORES["lmdb"], "path": str(tmp_path / "shared")}}
    config = configs.router(configs.websocket(listener.port, item))
    config["workers"].append(configs.router_worker(configs.websocket(other.port, item)))
    node = make_node(config)
    node.start(listener.port, other.port)
    phone, laptop = clients.login(listener.url), clients.login(other.url)
    sibling = clients.login(other.url, cookie=phone.cookie)
    bob = clients.login(listener.url, "bob")

    ended = cookietrack("revoke", str(node.cbdir), "--authid", "alice", "--yes")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "2 cookies ended\n", "")
    for session in (phone, laptop, sibling):
        assert session.wait_closed()["leave_reason"] == "wamp.close.logout"
    for session in (phone, laptop):
        assert clients.login(listener.url, cookie=session.cookie).challenged
    assert bob.call("wamp.session.get", bob.session)["authid"] == "bob"


def test_a_node_that_runs_on_a_file_is_named_with_the_way_through_it(make_node, clients, listener):
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES["file"]})))
    node.start(listener.port)
    alice = clients.login(listener.url)
    pids = {str(each.pid) for each in [node.process, *node.workers()]}

    for words, instead in [
        (["ls"], "cookietrack.list"),
        (["stat"], "cookietrack.stat"),
        (["show", id_of(value_of(alice))], "cookietrack.get"),
        (["revoke", "--authid", "alice", "--yes"], "cookietrack.revoke_by_authid, or stop"),
        (["purge", "--yes"], "it removes expired cookies by itself"),
        (["verify"], "stop the node first"),
    ]:
        answer = cookietrack(words[0], str(node.cbdir), *words[1:])
        assert (answer.returncode, answer.stdout) == (3, "")
        assert instead in answer.stderr
        assert answer.stderr.startswith("Error: ")
        assert len(answer.stderr.splitlines()) == 1
        assert re.search(r"in use by .*pid (\d+)", answer.stderr)[1] in pids
    assert not clients.login(listener.url, cookie=alice.cookie).challenged


@pytest.mark.parametrize("theirs", ["file", "database"])
def test_after_a_move_from_crossbars_own_store_every_client_is_known(
    make_node, clients, listener, theirs
):
    before = configs.router(configs.websocket(listener.port, {"store": STORES[theirs]}))
    node = make_node(before, command=CROSSBAR)
    node.start(listener.port)
    alice, bob = clients.login(listener.url), clients.login(listener.url, "bob")
    bob.leave("wamp.close.logout")

    running = cookietrack("migrate", str(node.cbdir), f"lmdb:{node.folder}/new")
    assert running.returncode == 3
    assert "is in use by a running node" in running.stderr
    node.stop()
    wait_for(lambda: not (node.cbdir / "node.pid").exists(), "the node's end")
    moved = cookietrack("migrate", str(node.cbdir), f"lmdb:{node.folder}/new")
    assert moved.returncode == 0, moved.stderr

    item = {"store": {"type": "lmdb", "path": f"{node.folder}/new"}}
    after = make_node(configs.router(configs.websocket(listener.port, item)))
    after.start(listener.port)
    again = clients.login(listener.url, cookie=alice.cookie)
    assert (again.challenged, again.authprovider, again.authid) == (False, "cookie", "alice")
    assert clients.login(listener.url, "bob", cookie=bob.cookie).challenged
