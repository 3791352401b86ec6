"""The tutorial's node and client, followed from the first line to the last."""

import re
from contextlib import ExitStack
from pathlib import Path

import pytest

from servers.ports import free_port
from tests.install.conftest import REPOSITORY
from tests.support.node import accepts, wait_for
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.install, pytest.mark.node, pytest.mark.timeout(1800)]

PAGE = (REPOSITORY / "docs" / "tutorials" / "first-login.md").read_text()
LINES = re.findall(r"^    (\S.*)$", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL), re.MULTILINE)
# What the page says that the client prints: after its own logout, and after one elsewhere.
LEFT = {"answer": "left: wamp.close.normal", "elsewhere": "left: wamp.close.logout"}
CLIENT = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_login_survives_the_restart_and_ends_with_the_logout(
    environment: Path, tmp_path: Path
) -> None:
    # What the fixture of the environment has done, with the wheel.
    assert LINES[:2] == ["python3 -m venv env", ". env/bin/activate"]
    assert LINES[2] == 'pip install "cookietrack-plugin[lmdb]"'
    follow(Terminal(environment / "bin", tmp_path), tmp_path)


def follow(terminal: Terminal, folder: Path) -> None:
    """Everything behind the installation, on a port that is free."""
    assert [each for each in LEFT.values() if f"`{each}`" not in PAGE] == []
    init, check, start, client, ls, logout, revoke = LINES[3:]
    port = free_port()
    assert CLIENT
    (folder / "client.py").write_text(CLIENT[1].replace("8080", str(port)))
    ticket = terminal.run(f"{init} --port {port}").partition("with ticket ")[2].split()[0]
    assert "looks good" in terminal.run(check)
    client, logout = (line.replace("TICKET", ticket) for line in (client, logout))
    with ExitStack() as node:
        node.enter_context(terminal.running(start))
        wait_for(lambda: accepts(port), "the node listens")
        with terminal.running(client) as program:
            program.wait_for("joined as alice, by ticket")
            node.close()
            restarted = node.enter_context(terminal.running(start))
            program.wait_for("joined as alice, by cookie")
            check_listed(terminal.run(ls), (folder / "cookie.txt").read_text())
        assert in_order(terminal.run(logout)) == ["joined as alice, by cookie", LEFT["answer"]]
        with terminal.running(client) as program:
            program.wait_for("joined as alice, by ticket")
            terminal.run(revoke)
            assert program.wait() == 0
            assert in_order(program.said()) == ["joined as alice, by ticket", LEFT["elsewhere"]]
        # As the unit for systemd says: see node_examples/deploy.
        assert restarted.terminate() == 1


def in_order(said: str) -> list[str]:
    """What the client has said of its session."""
    return [line for line in said.splitlines() if line.startswith(("joined", "left"))]


def check_listed(listed: str, cookie: str) -> None:
    """The login is there, and the cookie's value is not."""
    _, _, value = cookie.partition("=")
    assert value
    assert "alice" in listed
    assert value not in listed
