"""The demo's page in a real browser: what somebody sees to whom it is shown."""

import json
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from cookietrack_plugin.header import id_of
from servers.ports import free_port
from tests.support.accessibility import findings, show_scheme
from tests.support.browser import Tab, chromium, forgetting, private_windows
from tests.support.demo import Demo
from tests.support.node import wait_for

pytestmark = [pytest.mark.node, pytest.mark.browser]

# Users whose devices are those of one test.
ALONE = ("dana", "erin")
PASSWORD = dict.fromkeys(("alice", *ALONE), "looking-glass") | {"bob": "can-we-fix-it"}
BY_COOKIE = "Let in by the cookie, without a challenge"
ENDED_ELSEWHERE = "Your login was ended in another tab, on another device, or by the operator."


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One that is not started yet, with users that one test has for itself."""
    demo = Demo(tmp_path_factory.mktemp("module") / "demo")
    config = demo.folder / ".crossbar" / "config.json"
    content = json.loads(config.read_text())
    [transport] = content["workers"][0]["transports"]
    auth = transport["paths"]["ws"]["auth"]
    for users in (auth["ticket"]["principals"], auth["wampcra"]["users"]):
        users |= dict.fromkeys(ALONE, users["alice"])
    config.write_text(json.dumps(content))
    yield demo
    demo.stop()


@pytest.fixture(scope="module")
def url(demo: Demo) -> str:
    """The page of a demo that keeps running."""
    return demo.start(free_port())


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Chrome) -> Iterator[Chrome]:
    """A browser that has never been anywhere."""
    with forgetting(one_browser):
        yield one_browser


@pytest.fixture
def window(browser: Chrome) -> Iterator[Callable[[], str]]:
    """Opens what is another browser to the demo, each time."""
    with private_windows(browser) as window:
        yield window


def logged_in(
    browser: Chrome,
    url: str,
    user: str = "alice",
    method: str = "wampcra",
    window: str | None = None,
) -> Tab:
    tab = Tab(browser, url, window).wait_until("visitor")
    tab.login(user, PASSWORD[user], method)
    return tab.wait_until("member")


def test_a_first_visit_is_tracked_and_nobody_is_logged_in(url: str, browser: Chrome) -> None:
    tab = Tab(browser, url).wait_until("visitor")
    assert tab.text("authid") == "Not logged in"
    assert re.fullmatch(r"[\w-]{24}", tab.text("tracking-id"))
    assert tab.text("login-button") == "Log in"
    assert tab.is_enabled("login-button")
    assert tab.text("logout") == ""
    assert not tab.complaints()


@pytest.mark.parametrize(("width", "height"), [(320, 568), (820, 1180), (1280, 720)])
def test_a_visitor_can_log_in_without_scrolling(
    width: int, height: int, url: str, browser: Chrome
) -> None:
    tab = Tab(browser, url).resize(width, height).wait_until("visitor")
    assert tab.bottom_of("login-button") <= height


def test_the_focus_goes_where_the_work_goes_on(url: str, browser: Chrome) -> None:
    tab = Tab(browser, url).wait_until("visitor")
    tab.login("alice", "wrong", "ticket")
    wait_for(lambda: tab.text("login-error"), "the refusal is shown")
    assert tab.focused() == "password"
    tab.type(PASSWORD["bob"], Keys.ENTER)
    tab.wait_until("visitor")
    tab.login("alice", PASSWORD["alice"], "ticket")
    tab.wait_until("member")
    wait_for(lambda: tab.focused() == "who", "the focus is on who is in")
    tab.type(Keys.TAB, Keys.ENTER)
    tab.wait_until("visitor")
    wait_for(lambda: tab.focused() == "user", "the focus is in the login")


def test_without_javascript_the_page_says_so_and_shows_nothing_that_needs_it(
    url: str, browser: Chrome
) -> None:
    tab = Tab(browser, url)
    with tab.without_scripts():
        assert "JavaScript is switched off in this browser" in tab.seen()
        for dead in ("Connecting", "One moment", "Log in", "Try it"):
            assert dead not in tab.seen()


def test_the_page_shows_the_public_id_and_no_script_can_read_the_cookie(
    url: str, browser: Chrome
) -> None:
    tab = logged_in(browser, url)
    cookie = tab.browser.get_cookie("cbtid")
    assert cookie is not None
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert tab.run("return document.cookie") == ""
    assert tab.text("tracking-id") == id_of(cookie["value"])
    assert cookie["value"] not in tab.browser.page_source


@pytest.mark.parametrize(
    ("user", "method", "named"), [("alice", "wampcra", "WAMP-CRA"), ("bob", "ticket", "a ticket")]
)
def test_a_login_by_either_method(
    user: str, method: str, named: str, url: str, browser: Chrome
) -> None:
    tab = logged_in(browser, url, user, method)
    assert tab.text("authid") == user
    assert tab.text("manner") == f"Logged in by {named}, stored with the cookie"
    assert tab.text("authrole") == "member"
    assert tab.text("login") == ""
    assert "login" in tab.ticked()


@pytest.mark.parametrize("method", ["wampcra", "ticket"])
def test_a_wrong_password_is_refused_and_the_right_one_still_works(
    method: str, url: str, browser: Chrome
) -> None:
    tab = Tab(browser, url).wait_until("visitor")
    tab.login("alice", "wrong", method)
    wait_for(lambda: tab.text("login-error"), "the refusal is shown")
    assert tab.text("login-error") == "That is not a demo user with this password."
    tab.wait_until("visitor")
    assert tab.text("login-error")
    tab.login("alice", PASSWORD["alice"], method)
    tab.wait_until("member")
    assert tab.text("authid") == "alice"


def test_a_click_on_a_demo_user_fills_in_the_form(url: str, browser: Chrome) -> None:
    tab = Tab(browser, url).wait_until("visitor")
    tab.run("document.querySelector('[data-user=bob]').click()")
    tab.click("login-button")
    assert tab.wait_until("member").text("authid") == "bob"


def test_a_reload_keeps_you_in(url: str, browser: Chrome) -> None:
    tab = logged_in(browser, url)
    known_as = tab.text("tracking-id")
    tab.browser.refresh()
    tab.wait_until("member")
    assert (tab.text("authid"), tab.text("manner")) == ("alice", BY_COOKIE)
    assert tab.text("tracking-id") == known_as
    assert "reload" in tab.ticked()
    assert tab.text("trail").splitlines()[1::2] == [
        "In as alice by cookie: no password was asked for.",
        "Logged in as alice by WAMP-CRA. The login is stored.",
        "Joined as anonymous: the cookie tracks, nobody is logged in.",
    ]


def test_a_second_tab_is_in_as_well(url: str, browser: Chrome) -> None:
    first = logged_in(browser, url)
    second = Tab(browser, url).wait_until("member")
    assert (second.text("authid"), second.text("manner")) == ("alice", BY_COOKIE)
    assert second.text("tracking-id") == first.text("tracking-id")
    wait_for(lambda: "tab" in first.ticked(), "the first tab ticks the step")


def test_a_login_in_one_tab_lets_the_other_in(url: str, browser: Chrome) -> None:
    waiting = Tab(browser, url).wait_until("visitor")
    logged_in(browser, url)
    assert waiting.wait_until("member").text("authid") == "alice"


def test_a_logout_in_one_tab_ends_both(url: str, browser: Chrome) -> None:
    first = logged_in(browser, url)
    second = Tab(browser, url).wait_until("member")
    gone = first.text("tracking-id")
    second.click("logout")
    second.wait_until("visitor")
    first.wait_until("visitor")
    assert second.text("notice") == "You logged out, and with you every tab of this browser."
    assert first.text("notice") == ENDED_ELSEWHERE
    assert gone not in (first.text("tracking-id"), second.text("tracking-id"))
    assert "logout" in first.ticked()
    first.browser.refresh()
    assert first.wait_until("visitor").text("authid") == "Not logged in"


def test_somebody_else_can_log_in_after_a_logout(url: str, browser: Chrome) -> None:
    tab = logged_in(browser, url, "alice")
    tab.click("logout")
    tab.wait_until("visitor")
    tab.login("bob", PASSWORD["bob"], "ticket")
    assert tab.wait_until("member").text("authid") == "bob"


def test_another_browser_is_not_let_in(
    url: str, browser: Chrome, window: Callable[[], str]
) -> None:
    logged_in(browser, url)
    another = Tab(browser, url, window()).wait_until("visitor")
    assert another.text("authid") == "Not logged in"


def test_a_device_is_shown_to_its_user_and_ended_from_another(
    url: str, browser: Chrome, window: Callable[[], str]
) -> None:
    here = logged_in(browser, url, "dana", window=window()).wait_for_devices(1)
    there = logged_in(browser, url, "dana", window=window()).wait_for_devices(2)
    here.wait_for_devices(2)
    mine, other = (each.text("tracking-id")[:4] for each in (here, there))
    row = "Chrome on Linux \\({}\\) 127.0.0.1 · since .+ · connected now {}"
    assert re.fullmatch(row.format(re.escape(mine), "This device"), here.devices()[0])
    assert re.fullmatch(row.format(re.escape(other), "End"), here.devices()[1])
    here.press(".cookietrack-end")
    there.wait_until("visitor")
    assert there.text("notice") == ENDED_ELSEWHERE
    here.wait_for_devices(1)
    assert here.said() == f"Chrome on Linux ({other}) was ended."
    assert f"Ended Chrome on Linux ({other})." in here.text("trail")
    assert "device" in here.ticked()
    assert here.phase() == "member"


def test_all_other_devices_are_ended_at_once_and_nobody_elses(
    url: str, browser: Chrome, window: Callable[[], str]
) -> None:
    somebody_else = logged_in(browser, url, "bob", window=window())
    others = [logged_in(browser, url, "erin", window=window()) for _ in range(2)]
    here = logged_in(browser, url, "erin", window=window()).wait_for_devices(3)
    here.press(".cookietrack-end-others")
    for other in others:
        other.wait_until("visitor")
    here.wait_for_devices(1)
    assert here.said() == "2 other logins were ended."
    assert here.devices()[0].startswith("Chrome on Linux 127.0.0.1")
    assert "End all others" not in here.text("device-list")
    assert (here.phase(), somebody_else.phase()) == ("member", "member")


def test_a_restart_of_the_node_keeps_you_in_in_all_tabs(browser: Chrome, tmp_path: Path) -> None:
    """Six, which come back together."""
    demo, port = Demo(tmp_path / "demo"), free_port()
    try:
        url = demo.start(port)
        assert url == f"http://localhost:{port}"
        assert "is taken" not in demo.said()
        tab = logged_in(browser, url)
        tabs = [tab, *(Tab(browser, url) for _ in range(5))]
        for each in tabs:
            each.wait_until("member")
        known_as = tab.text("tracking-id")
        assert demo.stop(signal.SIGTERM) == 0
        assert demo.said().endswith("Stopping the node ...\n")
        tab.wait_until("away")
        assert tab.text("link") == "Node away"
        assert tab.text("authid") == "alice"
        assert tab.text("notice").endswith("Your login is kept.")
        assert tab.said() == "Not connected: the list may be out of date."
        demo.start(port)
        assert {each.wait_until("member").text("authid") for each in tabs} == {"alice"}
        assert {each.text("tracking-id") for each in tabs} == {known_as}
        assert tab.text("manner") == BY_COOKIE
        assert "restart" in tab.ticked()
        assert tab.text("notice") == ""
        wait_for(lambda: tab.said() == "", "the devices are read again")
    finally:
        demo.stop()


def test_without_npm_the_page_says_what_is_missing(
    demo: Demo, url: str, browser: Chrome, window: Callable[[], str]
) -> None:
    """What the demo itself says of that: see `test_demo_launcher`."""
    with demo.without_library():
        tab = Tab(browser, url, window()).wait_until("missing")
        assert tab.text("notice").startswith("autobahn-js is missing")
        assert tab.text("link") == "Not connected"
        assert not tab.is_enabled("login-button")


def found_by_axe(tab: Tab) -> dict[tuple[str, int], list[str]]:
    """By colours and width, on the page as it is now; empty where nothing is found anywhere."""
    found = {}
    for scheme in ("dark", "light"):
        show_scheme(tab.browser, scheme)
        for width in (320, 1280):
            found[scheme, width] = findings(tab.resize(width, 900).browser)
    return {key: lines for key, lines in found.items() if lines}


def test_axe_core_finds_nothing_on_any_page(url: str, browser: Chrome) -> None:
    tab = Tab(browser, url).wait_until("visitor")
    assert found_by_axe(tab) == {}
    tab.login("alice", "wrong", "ticket")
    wait_for(lambda: tab.text("login-error"), "the refusal is shown")
    assert found_by_axe(tab) == {}
    tab.wait_until("visitor")
    tab.login("alice", PASSWORD["alice"], "ticket")
    tab.wait_until("member")
    wait_for(tab.devices, "the list of devices")
    assert found_by_axe(tab) == {}
    for path in ("/members/", "/members/greeting"):
        tab.browser.get(url + path)
        tab.wait_until("member")
        assert found_by_axe(tab) == {}, path


@pytest.mark.parametrize("width", [320, 768, 1600])
def test_the_page_fits_any_width(width: int, url: str, browser: Chrome) -> None:
    tab = logged_in(browser, url).resize(width, 900)
    for path in ("/", "/members/", "/members/greeting"):
        tab.browser.get(url + path)
        tab.wait_until("member")
        page = "document.documentElement"
        assert tab.run(f"return {page}.scrollWidth - {page}.clientWidth") == 0
