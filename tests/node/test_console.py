"""
The console of a real node, in two workers that share a store: by a plain client, and in a real
browser.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.record import Auth, Cookie, Create
from cookietrack_plugin.testing.samples import make_id
from servers.ports import free_port
from tests.node.conftest import STORES
from tests.support import configs
from tests.support.accessibility import findings, show_scheme
from tests.support.browser import chromium, forgetting
from tests.support.client import Clients, Session
from tests.support.consoleclient import ConsoleClient
from tests.support.node import Node, running, wait_for

pytestmark = [pytest.mark.node, pytest.mark.browser]

COOKIE = {"store": STORES["lmdb"], "path": "/"}
CONSOLE = {
    "type": "cookietrack-guard",
    "cookie": COOKIE,
    "allow": {"authids": ["alice", "carol"], "realms": ["realm1"]},
    "path": {"type": "cookietrack-console"},
}
VIEWS = ("overview", "sessions", "connected", "trail")
WIDTHS = (320, 820, 1280)
# Says HELLO as carol and answers the challenge; the connection stays.
_LOG_IN = """
const [url, ticket, done] = arguments;
const socket = new WebSocket(url, "wamp.2.json");
window.kept = socket;
const send = (...message) => socket.send(JSON.stringify(message));
const hello = {roles: {caller: {}}, authmethods: ["ticket"], authid: "carol"};
socket.onopen = () => send(1, "realm1", hello);
socket.onclose = (event) => done(`closed with ${event.code}`);
socket.onmessage = (event) => {
  const [kind, ...rest] = JSON.parse(event.data);
  if (kind === 4) send(5, ticket, {});
  else done(kind === 2 ? rest[1].authid : JSON.stringify(rest));
};
"""
_SKEWS = """
const done = arguments[0];
import("./format.js").then(({skew}) => done([300, -2.5, null].map(skew))).catch(String).then(done);
"""
_OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Place:
    """A node with a console in its router worker and in its proxy worker."""

    def __init__(self, folder: Path) -> None:
        web = folder / "web"
        web.mkdir(parents=True)
        icon = '<link rel="icon" href="data:,">'
        (web / "index.html").write_text(f"<!doctype html><title>app</title>{icon}")
        self.ports = {"router": free_port(), "proxy": free_port()}
        router, proxy = (self._transport(port) for port in self.ports.values())
        config = configs.router(configs.backend(folder), router)
        config["workers"].append(configs.proxy_worker(folder, proxy))
        self.node = Node(folder, config)

    def _transport(self, port: int) -> dict[str, Any]:
        websocket = {"type": "websocket", "cookie": COOKIE, "auth": configs.LOGIN}
        files = {"type": "static", "directory": "../web"}
        paths = {"/": files, "ws": websocket, "console": CONSOLE}
        return configs.websocket(port, auth=None) | {"type": "web", "paths": paths}

    def wait(self) -> None:
        """Until both workers have their consoles."""
        for port in self.ports.values():
            stranger = ConsoleClient(port)
            wait_for(lambda stranger=stranger: stranger.status("me") == 401, f"console at {port}")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("console"))
    with running(place.node, *place.ports.values()):
        place.wait()
        yield place


@pytest.fixture
def login(clients: Clients, place: Place) -> Callable[..., Session]:
    """Logs a user in, on a WebSocket of a worker."""
    return lambda user, worker="router": clients.login(
        f"ws://127.0.0.1:{place.ports[worker]}/ws", user
    )


@pytest.fixture
def consoles(place: Place, login: Any) -> dict[str, ConsoleClient]:
    """Of two operators at once: alice at the router worker's console, carol at the proxy's."""
    return {
        "router": ConsoleClient(place.ports["router"], login("alice").cookie),
        "proxy": ConsoleClient(place.ports["proxy"], login("carol", "proxy").cookie),
    }


@pytest.mark.parametrize(("worker", "other"), [("router", "proxy"), ("proxy", "router")])
def test_sessions_are_found_and_ended_on_all_workers(
    consoles: dict[str, ConsoleClient], login: Any, worker: str, other: str
) -> None:
    near, far = login("bob", worker), login("bob", other)
    console = consoles[worker]
    found = console.get("sessions", authid="bob", authrealm="realm1")["sessions"]
    assert sorted(each["connections"] for each in found) == [0, 1], "others' are theirs to list"
    assert console.get("me")["exclusive"] is False
    assert console.get("count", authid="bob")["sessions"] == 2

    answer = console.end(user={"authid": "bob", "authrealm": "realm1"})
    assert (answer["stored"], answer["cookies"], answer["connections"]) == (True, 2, 1)
    assert near.wait_closed()
    assert far.wait_closed()
    assert consoles[other].get("count", authid="bob")["sessions"] == 0


def test_who_ends_his_own_session_is_out_and_the_other_operator_is_not(
    consoles: dict[str, ConsoleClient],
) -> None:
    one, other = consoles["router"], consoles["proxy"]
    own = one.get("me")["id"]
    with other.watching() as events:
        events.wait_for("begin")
        with suppress(ConnectionError):
            one.end(ids=[own])
        assert one.status("me") == 401
        assert one.status("sessions") == 401
        assert other.get("me")["authid"] == "carol"


def test_what_happens_is_told_with_the_operator_who_did_it(
    consoles: dict[str, ConsoleClient], login: Any
) -> None:
    bob = login("bob")
    with consoles["router"].watching() as events:
        events.wait_for("numbers")
        id = next(
            each["id"]
            for each in consoles["router"].get("connections")["connections"]
            if each["authid"] == "bob"
        )
        consoles["router"].end(ids=[id])
        line = events.wait_for("audit", lambda line: line["event"] == "revoked")
    assert (line["id"], line["authid"], line["by"], line["by_authid"]) == (
        id,
        "bob",
        "operator",
        "alice",
    )
    assert bob.wait_closed()


def test_the_warnings_are_those_of_check(place: Place, consoles: dict[str, ConsoleClient]) -> None:
    found = consoles["proxy"].get("warnings")["warnings"]
    assert found == check_node(place.node.config) != []


class Page:
    """The console's page in a browser."""

    def __init__(self, browser: Chrome, url: str) -> None:
        self.browser = browser
        self._url = url

    def log_in(self) -> None:
        """As carol, over WAMP, in a tab of its own."""
        self.browser.get(self._url)
        url = self._url.replace("http", "ws") + "ws"
        ticket = configs.TICKETS["carol"]["ticket"]
        assert self.browser.execute_async_script(_LOG_IN, url, ticket) == "carol"
        self.browser.switch_to.new_window("tab")

    def open(self, view: str) -> None:
        self.browser.get("about:blank")
        self.browser.get(f"{self._url}console/#{view}")
        self.wait_state("live")

    def state(self) -> str | None:
        return self.find("#link").get_attribute("data-state")

    def wait_state(self, state: str) -> None:
        wait_for(lambda: self.state() == state, f"the page is {state}")

    def find(self, selector: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def wait_text(self, selector: str, text: str) -> None:
        wait_for(lambda: text in self.text(selector), f"{text} in {selector}")

    def width(self, width: int) -> None:
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def complaints(self) -> list[str]:
        return [each["message"] for each in self.browser.get_log("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.fixture
def page(place: Place, browser: Chrome) -> Iterator[Page]:
    with forgetting(browser):
        page = Page(browser, f"http://localhost:{place.ports['router']}/")
        page.log_in()
        yield page


def test_in_a_browser(place: Place, page: Page, login: Any, tmp_path: Path) -> None:
    bob = login("bob")
    _looks_well(page, tmp_path)
    _ends_a_session(page, bob, tmp_path)
    _comes_back_after_a_restart(page, place)
    _is_out_with_its_own_session(page)
    complaints = [each for each in page.complaints() if "Failed to load resource" not in each]
    assert complaints == []


def test_a_clock_that_is_behind_the_stores_is_not_called_ahead(page: Page) -> None:
    page.open("overview")
    assert page.browser.execute_async_script(_SKEWS) == [
        ["Clock ahead of the store's", "300 s"],
        ["Clock behind the store's", "2.5 s"],
        ["Clock ahead of the store's", None],
    ]


AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0"


@pytest.fixture
def put(place: Place) -> Iterator[Callable[..., None]]:
    """Puts records of a user into the store, beside the node."""
    store: Any = find_provider("lmdb").open(STORES["lmdb"], str(place.node.cbdir))

    def put(authid: str, *ids: str, expires: int = 4_000_000_000_000) -> None:
        auth = Auth(authid, "user", "ticket", "realm1")
        now = int(time.time() * 1000)
        store.commit([Create(Cookie(id, now, expires, now, None, AGENT, auth)) for id in ids])

    yield put
    store.close()


def test_a_list_in_a_browser_shows_and_ends_what_it_names(page: Page, put: Any) -> None:
    put("far", make_id(1), expires=10**16)
    put("bob\u202e", make_id(2))
    put("<img src=x onerror=alert(1)>", make_id(5))
    put("twin ", make_id(3))
    put("twin", make_id(4))
    page.open("sessions")
    _finds(page, "far", "1 session,")
    assert f"{10**16} ms" in page.text("#session-rows")
    _finds(page, "bob\u202e", "1 session,")
    assert r"bob\u{202e}" in page.text("#session-rows")
    assert page.find(r"[aria-label^='End the session of bob\\u{202e}']")

    _finds(page, "<img src=x onerror=alert(1)>", "1 session,")
    _finds(page, "twin", "1 session,")
    page.find("input[name=authid]").clear()
    page.find("#end-found").click()
    page.wait_text("#confirm-text", "This ends 1 session, ")
    page.find("#confirm-yes").click()
    page.wait_text("#notice", "1 session ended")
    _finds(page, "far", "1 session,")
    assert page.complaints() == []


# Another server's part, played in the page.
_ANSWERED = """
const [status, kind, text, done] = arguments;
window.fetch = async () => new Response(text, {status, headers: {"content-type": kind}});
import("./api.js").then((api) => api.get("x")).then(
  (answer) => done(["answer", answer]), (error) => done([error.constructor.name, error.message]));
"""


def test_a_page_says_in_words_why_it_has_no_answer(page: Page) -> None:
    page.open("overview")
    plain, json = "text/plain; charset=utf-8", "application/json"
    for status, kind, text, expected in (
        (503, plain, "cookie store not available\n", ["ApiError", "cookie store not available"]),
        (400, json, '{"error": "limit: expected"}', ["ApiError", "limit: expected"]),
        (502, "text/html", "<h1>Bad Gateway</h1>", ["ApiError", "status 502"]),
        (200, json, '{"stored": tr', ["Unreachable", "the node has not answered to the end"]),
        (200, json, '{"stored": true}', ["answer", {"stored": True}]),
    ):
        assert page.browser.execute_async_script(_ANSWERED, status, kind, text) == expected


def test_the_own_session_is_the_last_of_many_that_are_ended(
    page: Page, put: Any, place: Place, login: Any
) -> None:
    more = 600
    put("many", *(f"{'z' * 18}{number:06}" for number in range(more)))
    page.open("sessions")
    page.find("input[name=device]").send_keys("Chrome/")
    page.find("input[name=device]").submit()
    page.wait_text("#found", "Page 1: 50 sessions,")
    page.find("#end-found").click()
    wait_for(lambda: page.find("#confirm-yes").is_enabled(), "it has counted")
    assert "Your own is one of them" in page.text("#confirm-text")
    page.find("#confirm-keep input").click()
    page.find("#confirm-yes").click()
    page.wait_state("out")
    other = ConsoleClient(place.ports["router"], login("alice").cookie)
    assert other.get("count", authid="many")["sessions"] == 0


def _finds(page: Page, user: str, found: str) -> None:
    field = page.find("input[name=authid]")
    field.clear()
    field.send_keys(user, Keys.ENTER)
    page.wait_text("#found", found)
    page.wait_text("#session-rows", user.strip("\u202e"))


def _looks_well(page: Page, folder: Path) -> None:
    """At every width, in both schemes: no sideways scrolling, nothing for axe-core to find."""
    page.open("overview")
    for view in VIEWS:
        page.find(f".views a[href='#{view}']").send_keys(Keys.ENTER)
        wait_for(lambda view=view: page.text(f"#{view}-title"), f"the view {view}")
        page.wait_state("live")
        for width in WIDTHS:
            page.width(width)
            page.browser.save_screenshot(str(folder / f"{view}-{width}.png"))
            assert page.browser.execute_script(_OVERFLOW) == 0, (view, width)
        assert findings(page.browser) == [], view
    show_scheme(page.browser, "dark")
    assert findings(page.browser) == [], "dark"
    page.browser.save_screenshot(str(folder / "dark.png"))
    show_scheme(page.browser, "light")
    assert page.complaints() == []


def _ends_a_session(page: Page, session: Session, folder: Path) -> None:
    """By keyboard alone: the button says whose it is, the dialog how many it hits."""
    page.find(".views a[href='#sessions']").click()
    page.find("input[name=authid]").send_keys("bob", Keys.ENTER)
    page.wait_text("#found", "1 session,")
    page.find("[aria-label^='End the session of bob']").send_keys(Keys.ENTER)
    page.wait_text("#confirm-text", "This ends 1 session, with 1 connection on this worker")
    assert findings(page.browser) == [], "the dialog"
    page.width(320)
    page.browser.save_screenshot(str(folder / "dialog.png"))
    assert page.browser.execute_script(_OVERFLOW) == 0
    page.width(1280)
    page.find("#confirm").send_keys(Keys.ESCAPE)
    wait_for(lambda: not page.find("#confirm").is_displayed(), "it is closed")
    assert not session.status()["closed"]

    page.find("[aria-label^='End the session of bob']").send_keys(Keys.ENTER)
    wait_for(lambda: page.find("#confirm-yes").is_enabled(), "it has counted")
    page.find("#confirm-yes").send_keys(Keys.ENTER)
    page.wait_text("#notice", "1 session ended")
    assert session.wait_closed()


def _comes_back_after_a_restart(page: Page, place: Place) -> None:
    page.complaints()
    place.node.kill()
    page.wait_state("away")
    place.node.start(*place.ports.values())
    page.wait_state("live")
    page.wait_text("#notice", "The node was started again")
    # The browser itself notes that it did not find the node in between.
    page.complaints()


def _is_out_with_its_own_session(page: Page) -> None:
    page.find("#log-out").click()
    wait_for(lambda: page.find("#confirm-yes").is_enabled(), "it has counted")
    assert "Your own is one of them" in page.text("#confirm-text")
    page.find("#confirm-yes").click()
    page.wait_state("out")
    assert page.text("#out-title") == "You are logged out"
    assert findings(page.browser) == []
