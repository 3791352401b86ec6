"""The command beside a node that runs, and a move from Crossbar's own store that nobody notices."""

import re
import subprocess

import pytest

from cookietrack_plugin.header import id_of
from tests.node.conftest import STORES
from tests.support import configs
from tests.support.node import BIN, CROSSBAR, wait_for

pytestmark = pytest.mark.node


def cookietrack(*words):
    return subprocess.run([BIN / "cookietrack", *words], capture_output=True, text=True, timeout=60)


def value_of(session):
    return session.cookie.partition("=")[2] or session.cookie


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
