"""The page that `crossbar-cookietrack init` makes, in a real browser."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from servers.ports import free_port
from tests.support.browser import chromium
from tests.support.node import COOKIETRACK, Node, running, wait_for

pytestmark = [pytest.mark.node, pytest.mark.browser]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A running node as `init` makes it; `check` has nothing to say about it."""
    port = free_port()
    words = ["init", "--appdir", str(tmp_path), "--port", str(port)]
    subprocess.run([sys.executable, COOKIETRACK, *words], check=True, capture_output=True)
    config = json.loads((tmp_path / ".crossbar" / "config.json").read_text())
    node = Node(tmp_path, config)
    checked = node.run("check")
    assert "looks good" in checked.stdout
    assert "warn" not in checked.stdout.lower() + checked.stderr.lower()
    with running(node, port):
        yield node


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with chromium(tmp_path / "profile") as browser:
        yield browser


def wait_until(browser: Chrome, state: str) -> None:
    element = browser.find_element(By.ID, "state")
    wait_for(lambda: state in element.text, f"the page says {state!r}")


def log_in(browser: Chrome, ticket: str) -> None:
    form = browser.find_element(By.ID, "login")
    for name, text in (("user", "alice"), ("ticket", ticket)):
        field = form.find_element(By.NAME, name)
        field.clear()
        field.send_keys(text)
    form.find_element(By.TAG_NAME, "button").click()


def test_a_login_stays_until_the_logout(node: Node, browser: Chrome) -> None:
    transport = node.config["workers"][0]["transports"][0]
    principals = transport["paths"]["ws"]["auth"]["ticket"]["principals"]
    browser.get(f"http://localhost:{transport['endpoint']['port']}/")
    wait_until(browser, "Not logged in.")
    log_in(browser, "wrong")
    wait_until(browser, "Not logged in: ")
    log_in(browser, principals["alice"]["ticket"])
    wait_until(browser, "Logged in as alice, by ticket.")
    browser.refresh()
    wait_until(browser, "Logged in as alice, by cookie.")
    [cookie] = browser.get_cookies()
    assert cookie["name"] == "__Host-cbtid"
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Strict")
    browser.find_element(By.ID, "logout").click()
    wait_until(browser, "Not logged in.")
    browser.refresh()
    wait_until(browser, "Not logged in.")
    assert browser.get_log("browser") == []
