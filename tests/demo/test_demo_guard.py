"""
The demo's pages behind a guard, and a page of a second server there, in a real browser: one login
opens them, and its end closes them, wherever they are open.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from servers.patience import wait_for
from servers.ports import free_port
from tests.support.accessibility import findings
from tests.support.browser import Tab, chromium, forgetting
from tests.support.client import Clients
from tests.support.demo import Demo
from tests.support.http import HttpClient

pytestmark = [pytest.mark.node, pytest.mark.browser]

PASSWORD = {"alice": "looking-glass", "bob": "can-we-fix-it", "carol": "keeps-the-keys"}
PATHS = ("/members/", "/members/greeting", "/members/proxied/")
FRESH_FOR_S = 5
# More than what a browser and a node keep between them of a response that nobody reads.
BIG = 200_000_000
_HEAD = '<title>second</title><link rel="icon" href="data:,">'
_FETCH = """
const [url, done] = arguments;
fetch(url).then(async ({ body }) => {
  const reader = body.getReader();
  await reader.read();
  done();
});
"""


class Second(ThreadingHTTPServer):
    """Another Web server, which answers with the name that the guard gives it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        # A download has begun, and has been cut.
        self.begun, self.cut = Event(), Event()


class _Handler(BaseHTTPRequestHandler):
    server: Second

    def do_GET(self) -> None:
        if self.path.endswith("download"):
            return self._download()
        name = self.headers["X-Cookietrack-Authid"]
        return self._answer(f"{_HEAD}<h1>Second server: {name}</h1>".encode())

    def _answer(self, body: bytes, length: int = 0, **headers: str) -> None:
        self.send_response(200)
        sent = {"Content-Type": "text/html", "Content-Length": str(length or len(body)), **headers}
        for key, value in sent.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _download(self) -> None:
        """Half a file, until the other end has gone."""
        attached = {"Content_Type": "application/zip", "Content_Disposition": "attachment"}
        self._answer(bytes(70_000), 140_000, **attached)
        self.server.begun.set()
        with suppress(ConnectionError):
            self.connection.recv(1)
        self.server.cut.set()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def second() -> Iterator[Second]:
    with Second() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def url(second: Second, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A demo with the second server behind its guard, whose logins are soon too old."""
    demo = Demo(tmp_path_factory.mktemp("guarded") / "demo")
    config = demo.folder / ".crossbar" / "config.json"
    content = json.loads(config.read_text())
    [transport] = content["workers"][0]["transports"]
    behind = transport["paths"]["members"]["path"]["paths"]
    behind["proxied"] = {"type": "reverseproxy", "host": "127.0.0.1", "port": second.server_port}
    for path in ("ws", "members"):
        transport["paths"][path]["cookie"]["fresh_for"] = FRESH_FOR_S
    config.write_text(json.dumps(content))
    with (demo.folder / "members" / "big.bin").open("wb") as big:
        big.truncate(BIG)
    try:
        yield demo.start(free_port())
    finally:
        demo.stop()


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def one_browser(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        allowed = {"behavior": "allow", "downloadPath": str(downloads)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        yield browser


@pytest.fixture
def browser(one_browser: Chrome) -> Iterator[Chrome]:
    with forgetting(one_browser):
        yield one_browser


def log_in(tab: Tab, user: str = "alice") -> Tab:
    tab.wait_until("visitor").login(user, PASSWORD[user], "wampcra")
    return tab.wait_until("member")


def heading(tab: Tab) -> str:
    return tab.browser.find_element(By.TAG_NAME, "h1").text


def is_at(tab: Tab, address: str) -> bool:
    return tab.browser.current_url == address


def test_one_login_opens_all_and_a_logout_in_another_tab_closes_them(
    url: str, browser: Chrome, second: Second, downloads: Path
) -> None:
    first = log_in(Tab(browser, url))
    file, greeting, proxied = tabs = [Tab(browser, url + path) for path in PATHS]
    assert [heading(each) for each in tabs] == [
        "For members alone",
        "Hello, alice",
        "Second server: alice",
    ]
    assert greeting.text("remote-user") == "alice"
    assert greeting.text("tracking-id") == first.text("tracking-id")
    # Another tab has said so.
    wait_for(lambda: "guard" in first.ticked(), "the tick")
    cookie = first.browser.get_cookie("cbtid")
    assert cookie is not None

    file.browser.execute_async_script(_FETCH, "big.bin")
    proxied.run("location = 'download'")
    assert second.begun.wait(20)
    wait_for(lambda: list(downloads.glob("*.crdownload")), "the browser downloads")
    assert not second.cut.is_set()
    first.click("logout")
    first.wait_until("visitor")

    assert second.cut.wait(20)
    wait_for(lambda: not list(downloads.iterdir()), "the browser gives up the download")
    for tab, path in ((file, "/members/"), (greeting, "/members/greeting")):
        login = f"{url}/?next={path.replace('/', '%2F')}"
        wait_for(lambda tab=tab, login=login: is_at(tab, login), f"{path} closes by itself")
    proxied.browser.refresh()
    assert is_at(proxied, f"{url}/?next=%2Fmembers%2Fproxied%2F")
    stranger = HttpClient(int(url.rpartition(":")[2]), f"cbtid={cookie['value']}")
    assert {stranger.ask(path).status for path in PATHS} == {401}
    [complaint] = wait_for(first.complaints, "the line of the download in the console")
    assert "big.bin - Failed to load resource: net::ERR_CONNECTION_RESET" in complaint


def test_who_comes_from_a_guarded_page_is_sent_back_there_and_nowhere_else(
    url: str, browser: Chrome
) -> None:
    tab = Tab(browser, f"{url}/members/greeting")
    assert is_at(tab, f"{url}/?next=%2Fmembers%2Fgreeting")
    tab.wait_until("visitor")
    assert tab.text("login-why") == "/members/greeting opens for those who are logged in."
    tab.login("alice", PASSWORD["alice"], "ticket")
    wait_for(lambda: is_at(tab, f"{url}/members/greeting"), "the page that was wanted")
    assert heading(tab) == "Hello, alice"
    tab.wait_until("member").click("logout")
    wait_for(lambda: is_at(tab, f"{url}/?next=%2Fmembers%2Fgreeting"), "a logout on that page")
    tab.wait_until("visitor").login("alice", PASSWORD["alice"], "ticket")
    wait_for(lambda: is_at(tab, f"{url}/members/greeting"), "the page again")
    for evil in ("//evil.example/", "https://evil.example/members/", "/members/%0a//evil.example"):
        tab.browser.get(f"{url}/?next={evil}")
        tab.wait_until("member")
        assert not tab.run("return document.getElementById('login-why').textContent")


def test_the_console_opens_for_the_operator_alone(url: str, browser: Chrome) -> None:
    tab = log_in(Tab(browser, url))
    assert tab.text("console") == ""
    cookie = tab.browser.get_cookie("cbtid")
    assert cookie is not None
    member = HttpClient(int(url.rpartition(":")[2]), f"cbtid={cookie['value']}")
    assert member.ask("/console/").status == 403
    tab.click("logout")
    log_in(tab, "carol")
    tab.browser.find_element(By.LINK_TEXT, "The console").click()
    wait_for(lambda: "carol" in tab.seen(), "the console shows its operator")
    assert is_at(tab, f"{url}/console/")
    assert not tab.complaints()


def test_ending_a_device_by_an_old_login_takes_the_password_again(
    url: str, browser: Chrome, clients: Clients
) -> None:
    tab = log_in(Tab(browser, url), "bob")
    socket = f"{url.replace('http', 'ws')}/ws"
    other = clients.open(socket, None, ("ticket",), "bob", PASSWORD["bob"], "demo")
    tab.wait_for_devices(2)
    fresh = "cookietrack.my.freshness"
    wait_for(lambda: other.call(fresh)["fresh"] is False, "the other login, a later one, is old")
    known_as = tab.text("tracking-id")
    for word, end in (("wrong", "That is not your password."), (PASSWORD["bob"], "")):
        tab.press(".cookietrack-end")
        wait_for(lambda: tab.focused() == "step-up-password", "the dialog")
        assert findings(tab.browser) == []
        tab.type(word, Keys.ENTER)
        if end:
            wait_for(lambda end=end: tab.text("step-up-error") == end, "the refusal")
            tab.wait_until("member")
            assert tab.focused() == "step-up-password"
            tab.type(Keys.ESCAPE)
            wait_for(lambda: tab.focused() != "step-up-password", "the dialog closes")
    tab.wait_for_devices(1)
    assert other.wait_closed()
    assert tab.said().endswith(" was ended.")
    assert tab.text("tracking-id") == known_as
    assert tab.text("manner") == "Logged in by WAMP-CRA, stored with the cookie"
    assert not tab.complaints()
