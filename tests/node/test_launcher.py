"""`crossbar-cookietrack` is `crossbar` with another set of stores."""

import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.router.commandline import COMMANDS
from cookietrack_plugin.router.personalities.standalone import Personality
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node

pytestmark = pytest.mark.node

Make = Callable[..., Node]


@pytest.mark.parametrize("word", ["standalone", "master"])
def test_check_accepts_our_stores_under_a_personality_word(
    word: str, make_node: Make, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES["lmdb"]})))
    done = node.run(word, "check")
    assert "looks good" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 0


@pytest.mark.parametrize("word", ["check", "version"])
def test_what_it_prints_arrives_in_a_pipe(
    word: str, make_node: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    node = make_node({"version": 2})
    words = [word] if word == "version" else [word, "--cbdir", str(node.cbdir)]
    assert node.command_output(*words)


def test_another_personality_starts_with_our_stores(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES["lmdb"]})))
    node.start(listener.port, word="edge")
    first = clients.login(listener.url)
    assert clients.login(listener.url, cookie=first.cookie).authprovider == "cookie"


def test_status_and_stop_know_a_running_node(make_node: Make, listener: Listener) -> None:
    node = make_node(configs.router(configs.websocket(listener.port)))
    assert node.run("status", "--assert", "stopped").returncode == 0
    node.start(listener.port)
    assert node.run("status", "--assert", "running").returncode == 0
    with ThreadPoolExecutor() as pool:
        # A parent that does not wait for its child keeps it, and `stop` waits for its end.
        pool.submit(node.process.wait)
        assert node.run("stop").returncode == 0
    assert node.run("status", "--assert", "stopped").returncode == 0


def test_version_and_usage_are_crossbars(make_node: Make) -> None:
    node = make_node({"version": 2})
    assert "Crossbar.io" in node.command_output("version")
    assert "standalone" in node.command_output()


def test_the_help_has_init_as_it_is_here_and_every_command_is_known(make_node: Make) -> None:
    text = make_node({"version": 2}).command_output("--help")
    told = " ".join(text.split())
    assert "init Make a node directory with a store, a cookie and a page." in told
    assert "Initialize a new" not in told
    assert "`check --strict` takes warnings for errors" in told
    listed = re.search(r"\{(init,[a-z_,]+)\}", text)
    assert listed
    assert listed[1].removesuffix(",_exec_worker").split(",") == list(COMMANDS)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["chek"], "Did you mean 'check'?"),
        (["edge", "Inti"], "Did you mean 'init'?"),
        (["schema"], "It is a command for stores: cookietrack schema"),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_is_meant(
    make_node: Make, words: list[str], hint: str
) -> None:
    done = make_node({"version": 2}).run(*words)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == hint


@pytest.mark.parametrize("words", [["xyzzy"], ["status", "--nonsense"]])
def test_what_is_not_known_to_be_meant_is_crossbars_to_refuse(
    make_node: Make, words: list[str]
) -> None:
    done = make_node({"version": 2}).run(*words)
    assert done.returncode == 2
    assert "error: " in done.stderr.splitlines()[-1]


MINE = """
from crossbar.personality import Personality as Base

from cookietrack_plugin.router.personality import CookieTracking


class Mine(CookieTracking, Base):
    NAME = "mine"
"""

START = """
import sys
from cookietrack_plugin.router.launcher import run_node
run_node("mine.Mine", sys.argv[1:])
"""


def test_anyone_makes_their_own_personality_cookie_aware(
    make_node: Make, clients: Clients, listener: Listener, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    script = tmp_path / "crossbar-mine"
    script.write_text(START)
    node = make_node(
        configs.router(configs.websocket(listener.port, {"store": STORES["lmdb"]})),
        command=str(script),
    )
    node.start(listener.port, env={"PYTHONPATH": str(tmp_path)})
    first = clients.login(listener.url)
    assert clients.login(listener.url, cookie=first.cookie).authprovider == "cookie"


def places(port: int, cookie: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """The same `cookie` item at every place where one can stand."""
    service = {"type": "websocket", "cookie": cookie}
    web = {"endpoint": {"type": "tcp", "port": port}}
    nested = {"a": {"type": "path", "paths": {"b": {"type": "path", "paths": {"ws": service}}}}}
    return {
        "websocket": configs.router(configs.websocket(port, cookie)),
        "web path": configs.router({"type": "web", **web, "paths": {"ws": service}}),
        "nested web path": configs.router({"type": "web", **web, "paths": nested}),
        "universal": configs.router({"type": "universal", **web, "websocket": {"ws": service}}),
        "universal web": configs.router(
            {"type": "universal", **web, "web": {"paths": {"ws": service}}}
        ),
        "proxy": configs.proxy(folder, configs.websocket(port, cookie)),
        "proxy web": configs.proxy(folder, {"type": "web", **web, "paths": {"ws": service}}),
    }


@pytest.mark.parametrize("where", places(0, None, Path()))
def test_a_wrong_cookie_item_is_refused_wherever_it_stands(where: str, tmp_path: Path) -> None:
    config = places(8080, {"store": {"type": "lmbd"}}, tmp_path)[where]
    with pytest.raises(InvalidConfigException, match=r"type 'lmbd'.*Did you mean 'lmdb'\?"):
        Personality.check_config(Personality, config)
    right = places(8080, {"store": {"type": "memory"}}, tmp_path)[where]
    Personality.check_config(Personality, right)


def test_the_check_says_what_is_wrong(make_node: Make, listener: Listener) -> None:
    cookie = {"store": {"type": "lmbd"}}
    done = make_node(configs.router(configs.websocket(listener.port, cookie))).run("check")
    assert done.returncode == 1
    assert "unknown store type 'lmbd'" in done.stdout
    assert "Did you mean 'lmdb'?" in done.stdout


def test_the_strict_check_takes_warnings_for_errors(make_node: Make, listener: Listener) -> None:
    cookie = {"store": {"type": "memory"}, "same_site": "None", "secure": True}
    node = make_node(configs.router(configs.websocket(listener.port, cookie)))
    assert node.run("check").returncode == 0
    done = node.run("standalone", "check", "--strict")
    assert done.returncode == 1
    assert "Error: " in done.stdout
    for warning in ("logins are kept with a cookie that has no", "pages of any origin can"):
        assert f"worker001/transport001: {warning}" in done.stdout
    assert "looks good" not in done.stdout


def test_bad_input_is_told_at_start_as_at_check(make_node: Make, listener: Listener) -> None:
    cookie = {"length": 5, "store": {"type": "memory"}}
    node = make_node(configs.router(configs.websocket(listener.port, cookie)))
    started = node.run("start")
    assert started.returncode != 0
    assert (
        'worker001/transport001: "length" in the cookie item: expected an integer from 6 to 64,'
        " found 5"
    ) in started.stdout + started.stderr


@pytest.mark.parametrize(
    ("store", "damage", "message"),
    [
        ("lmdb", "a file where a directory belongs", ".cookies"),
        ("file", "no cookie file", "cookies.dat"),
    ],
)
def test_a_store_that_cannot_be_opened_ends_the_start_with_its_reason(
    store: str, damage: str, message: str, make_node: Make, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES[store]})))
    if damage == "a file where a directory belongs":
        (node.cbdir / ".cookies").write_text("mine")
    if damage == "no cookie file":
        (node.cbdir / "cookies.dat").write_text("Dear diary,\n" * 10)
    with pytest.raises(AssertionError):
        node.start(listener.port)
    told = [line for line in node.output().splitlines() if "cannot be opened" in line]
    assert len(told) == 1, node.complaints()
    assert message in told[0]
    assert json.loads((node.cbdir / "config.json").read_text())
