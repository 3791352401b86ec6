"""`crossbar-cookietrack` is `crossbar` with another set of stores."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
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


# Commands of the launcher, one after the other, in one process that imports Crossbar once.
IN_TURN = """
import json, sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from cookietrack_plugin.router.launcher import main

answers = []
for words in json.loads(sys.argv.pop()):
    sys.argv[1:] = words
    with redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        try:
            main()
        except SystemExit as end:
            answers.append([end.code, out.getvalue(), err.getvalue()])
print(json.dumps(answers))
"""


def in_turn(*commands: Sequence[str]) -> list[tuple[int | None, str, str]]:
    """The exit code of each command, and what it prints on stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-c", IN_TURN, json.dumps(commands)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [(code, out, err) for code, out, err in json.loads(done.stdout)]


def test_another_personality_starts_with_our_stores_and_status_and_stop_know_it(
    make_node: Make, clients: Clients, listener: Listener
) -> None:
    node = make_node(configs.router(configs.websocket(listener.port, {"store": STORES["lmdb"]})))
    node.start(listener.port, word="edge")
    first = clients.login(listener.url)
    assert clients.login(listener.url, cookie=first.cookie).authprovider == "cookie"
    assert node.run("status", "--assert", "running").returncode == 0
    with ThreadPoolExecutor() as pool:
        # A parent that does not wait for its child keeps it, and `stop` waits for its end.
        pool.submit(node.process.wait)
        assert node.run("stop").returncode == 0
    assert node.run("status", "--assert", "stopped").returncode == 0


def test_version_is_crossbars_and_arrives_in_a_pipe(
    make_node: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    assert "Crossbar.io" in make_node({"version": 2}).command_output("version")


def test_usage_is_crossbars_and_the_help_has_init_as_it_is_here() -> None:
    (_, usage, _), (code, text, _) = in_turn([], ["--help"])
    assert "standalone" in usage
    assert code == 0
    told = " ".join(text.split())
    assert "init Make a node directory with a store, a cookie and a page." in told
    assert "Initialize a new" not in told
    assert "`check --strict` takes warnings for errors" in told
    listed = re.search(r"\{(init,[a-z_,]+)\}", text)
    assert listed
    assert listed[1].removesuffix(",_exec_worker").split(",") == list(COMMANDS)


def test_a_mistyped_command_is_answered_with_the_one_that_is_meant() -> None:
    """Where none is known to be meant, it is Crossbar's to refuse."""
    expected = {
        ("chek",): "Did you mean 'check'?",
        ("edge", "Inti"): "Did you mean 'init'?",
        ("schema",): "It is a command for stores: cookietrack schema",
        ("xyzzy",): "error: ",
        ("status", "--nonsense"): "error: ",
    }
    answers = in_turn(*expected)
    assert len(answers) == len(expected)
    for (words, hint), (code, _, err) in zip(expected.items(), answers, strict=True):
        last = err.splitlines()[-1]
        assert code == 2, words
        assert hint in last if hint == "error: " else hint == last, words


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


def test_the_strict_check_takes_warnings_for_errors(
    make_node: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is printed arrives in a pipe."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    memory = {"store": STORES["memory"]}
    config = configs.router(
        configs.websocket(8080, {**memory, "same_site": "None", "secure": True})
    )
    config["workers"].append(configs.router_worker(configs.websocket(8081, memory)))
    node = make_node(config)
    warnings = (
        "worker001/transport001: logins are kept with a cookie that has no",
        "worker001/transport001: pages of any origin can",
        "memory: workers worker001, worker002 all name it, but each has a memory of its own",
    )
    checked = node.run("master", "check")
    assert checked.returncode == 0
    assert "looks good" in checked.stdout, checked.stdout + checked.stderr
    for warning in warnings:
        assert warning in checked.stdout + checked.stderr
    done = node.run("standalone", "check", "--strict")
    assert done.returncode == 1
    assert "Error: " in done.stdout
    for warning in warnings:
        assert warning in done.stdout
    assert "looks good" not in done.stdout


def test_bad_input_is_told_at_start_as_at_check(make_node: Make, listener: Listener) -> None:
    cookie = {"length": 5, "store": {"type": "memory"}}
    node = make_node(configs.router(configs.websocket(listener.port, cookie)))
    told = (
        'worker001/transport001: "length" in the cookie item: expected an integer from 6 to 64,'
        " found 5"
    )
    checked, started = node.run("check"), node.run("start")
    assert checked.returncode == 1
    assert told in checked.stdout
    assert started.returncode != 0
    assert told in started.stdout + started.stderr


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
