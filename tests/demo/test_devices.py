"""The widget that applications take, in a real browser, over a session that the test plays."""

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from threading import Thread
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from servers.patience import wait_for
from tests.support.browser import chromium

pytestmark = pytest.mark.browser

LINUX = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0 Safari/537.36"
)
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko)"
    " CriOS/142.0 Mobile/15E148 Safari/604.1"
)
EDGE = f"{LINUX.replace('X11; Linux x86_64', 'Windows NT 10.0; Win64; x64')} Edg/142.0"
TOO_OLD, UNAVAILABLE = "cookietrack.error.login_too_old", "cookietrack.error.store_unavailable"
# A strict policy, as an application may have it.
PAGE = """<!doctype html>
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; script-src 'self'; style-src 'self'; img-src data:">
<link rel="icon" href="data:,"><link rel="stylesheet" href="devices.css">
<title>devices</title><div id="here"></div>"""
# `played`: the server behind the sessions. `refuse`: errors that the next calls get, by procedure.
_START = """
const [options, devices, done] = arguments;
import("/devices.js").then(({ Devices }) => {
  const played = { devices, refuse: {}, calls: [], events: [], logins: 0, handler: null };
  const session = () => ({
    async call(procedure, args = []) {
      played.calls.push([procedure, ...args]);
      const error = played.refuse[procedure]?.shift();
      if (error) throw { error, args: ["in the node's words"] };
      if (procedure.endsWith(".list")) return structuredClone(played.devices);
      const [id] = args;
      const stays = (each) => (id ? each.id !== id : each.current);
      const before = played.devices.length;
      played.devices = played.devices.filter(stays);
      return { cookies: before - played.devices.length, connections: 0 };
    },
    async subscribe(topic, handler) { played.handler = handler; },
  });
  const logIn = async () => { played.logins += 1; return played.cancel ? null : session(); };
  const widget = new Devices(document.getElementById("here"), {
    session: session(), topic: "changed", locale: "en", ...options,
    ...(options.stepUp && { logIn }),
  });
  for (const type of ["ended", "failed"]) {
    widget.addEventListener(type, ({ detail }) => played.events.push([type, detail]));
  }
  Object.assign(window, { widget, played });
  done();
});
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the files of the package are served, as they are, and a page for them."""
    folder = str(files("cookietrack_plugin") / "widgets")

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE.encode())
            return None

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("browser") / "profile") as browser:
        yield browser


def device(number: int, agent: str | None = LINUX, **more: Any) -> dict[str, Any]:
    return {
        "id": f"{number:04}{'x' * 20}",
        "current": number == 0,
        "created": 1_700_000_000_000,
        "logged_in": 1_700_000_000_000 + number,
        "seen": 1_700_000_000_000 - number,
        "peer": "tcp4:192.0.2.1:52410",
        "user_agent": agent,
        "connections": 0,
        **more,
    }


class Widget:
    """A widget with these devices in a page of its own."""

    def __init__(self, browser: Chrome, url: str, devices: list[Any], **options: Any) -> None:
        self.browser = browser
        browser.get(url)
        browser.execute_async_script(_START, options, devices)
        self.wait_for_rows(min(len(devices), options.get("pageSize", 10)))

    def run(self, script: str) -> Any:
        return self.browser.execute_script(f"return {script}")

    def rows(self) -> list[str]:
        rows = self.run("[...document.querySelectorAll('li')].map((each) => each.innerText)")
        return [row.replace("\u00a0", " ") for row in rows]

    def names(self) -> list[str]:
        return [row.partition("\n")[0] for row in self.rows()]

    def wait_for_rows(self, count: int) -> None:
        wait_for(lambda: len(self.rows()) == count, f"{count} rows")

    def said(self) -> str:
        return str(self.run("document.querySelector('[role=status]').textContent"))

    def wait_until_said(self, text: str) -> None:
        wait_for(lambda: text in self.said(), f"{text!r}, found {self.said()!r}")

    def focused(self) -> str:
        """The accessible name of what has the focus."""
        return str(self.browser.switch_to.active_element.accessible_name)

    def press(self, selector: str) -> None:
        """With the keyboard."""
        self.browser.find_element(By.CSS_SELECTOR, selector).send_keys(Keys.ENTER)

    def refuse(self, procedure: str, *errors: str) -> None:
        self.run(f"played.refuse['cookietrack.my.{procedure}'] = {json.dumps(errors)}")

    def calls(self, procedure: str) -> int:
        return int(
            self.run(
                f"played.calls.filter(([each]) => each === 'cookietrack.my.{procedure}').length"
            )
        )

    def events(self) -> list[Any]:
        return list(self.run("played.events"))


def test_each_device_has_a_name_and_two_of_the_same_are_told_apart(
    browser: Chrome, url: str
) -> None:
    agents = [LINUX, PHONE, EDGE, LINUX, "curl/8.5.0", None, "<b>bold</b>"]
    widget = Widget(browser, url, [device(n, agent) for n, agent in enumerate(agents)])
    assert widget.names() == [
        "Chrome on Linux (0000)",
        "Chrome on iPhone",
        "Edge on Windows",
        "Chrome on Linux (0003)",
        "curl",
        "A program (0005)",
        "A program (0006)",
    ]
    assert not browser.find_elements(By.TAG_NAME, "b")


def test_a_row_says_what_tells_devices_apart_and_its_button_says_what_it_ends(
    browser: Chrome, url: str
) -> None:
    devices = [device(0, connections=1), device(1, "curl/8.5.0", peer="tcp6:2001:db8::1:5000")]
    widget = Widget(browser, url, devices)
    facts = ["2001:db8::1", "since Nov 14, 2023, {0}", "last seen Nov 14, 2023, {0}"]
    mine, other = (row.split("\n") for row in widget.rows())
    assert mine[2] == "This device"
    assert "connected now" in mine[1]
    time = other[1].split("2023, ")[1].partition(" · ")[0]
    assert other == ["curl", " · ".join(facts).format(time), "End"]
    [end] = browser.find_elements(By.CSS_SELECTOR, "li button")
    assert end.accessible_name == ", ".join(["End curl", *facts]).format(time)


def test_one_is_ended_by_the_keyboard_and_the_focus_goes_to_the_next(
    browser: Chrome, url: str
) -> None:
    widget = Widget(browser, url, [device(n, f"tool{n}/1") for n in range(3)])
    widget.press("li:nth-child(2) button")
    widget.wait_for_rows(2)
    assert widget.said() == "tool1 was ended."
    assert widget.focused().startswith("End tool2, ")
    widget.press("li:nth-child(2) button")
    widget.wait_for_rows(1)
    assert widget.said() == "tool2 was ended."
    assert widget.run("document.activeElement.getAttribute('role')") == "status"
    assert "You are logged in on no other device." in widget.run("document.body.innerText")
    [first, _] = widget.events()
    assert (first[0], first[1]["cookies"], first[1]["name"]) == ("ended", 1, "tool1")


def test_many_are_shown_by_pages_and_ended_at_once(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(n) for n in range(1000)], pageSize=20)
    page = "document.querySelector('.cookietrack-count').textContent"
    assert widget.run(page).startswith("20 of 1000 devices. There may be more than these 1000")
    widget.press(".cookietrack-more")
    widget.wait_for_rows(40)
    assert widget.focused().startswith("End Chrome on Linux (0020)")
    widget.press(".cookietrack-end-others")
    widget.wait_for_rows(1)
    assert widget.said() == "999 other logins were ended."


def test_many_events_make_two_readings_and_not_as_many(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(0)])
    before = widget.calls("list")
    widget.run("(() => { for (let n = 0; n < 100; n++) played.handler([]); })()")
    wait_for(lambda: widget.calls("list") == before + 2, "two more")
    widget.run("played.devices.push({ ...played.devices[0], id: 'y'.repeat(24), current: false })")
    widget.run("played.handler([])")
    widget.wait_for_rows(2)
    assert widget.calls("list") == before + 3


def test_a_login_that_is_too_old_is_proved_and_the_end_goes_on(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(0), device(1), device(2)], stepUp=True)
    widget.refuse("revoke", TOO_OLD)
    widget.press("li button")
    widget.wait_for_rows(2)
    assert widget.run("played.logins") == 1
    assert [kind for kind, _ in widget.events()] == ["ended"]
    widget.refuse("revoke_others", TOO_OLD)
    widget.run("played.cancel = true")
    widget.press(".cookietrack-end-others")
    wait_for(lambda: widget.run("played.logins") == 2, "the user is asked")
    end = "document.querySelector('.cookietrack-end-others').ariaDisabled"
    wait_for(lambda: widget.run(end) == "false", "it can be tried again")
    assert len(widget.rows()) == 2
    assert len(widget.events()) == 1


def test_what_goes_wrong_is_said_and_told_to_the_application(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(0), device(1)], words={"errors": {"a.b": "Ours."}})
    for error, text in [
        (TOO_OLD, "Your login is too old for this."),
        ("cookietrack.error.not_stored_yet", "Other servers learn of it"),
        (UNAVAILABLE, "The store of logins does not answer"),
        ("a.b", "Ours."),
        ("any.thing", "The server has not done that."),
    ]:
        widget.refuse("revoke", error)
        widget.press("li button")
        widget.wait_until_said(text)
        assert widget.events()[-1][1]["error"] == error
        end = "document.querySelector('li button').ariaDisabled"
        wait_for(lambda: widget.run(end) == "false", "it can be tried again")  # noqa: B023
    assert "in the node's words" not in widget.run("document.body.innerText")


def test_a_list_that_cannot_be_read_is_read_again_by_itself(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(0), device(1)])
    widget.refuse("list", UNAVAILABLE)
    widget.run("played.devices.pop()")
    widget.run("(window.timers = [], window.setTimeout = (call) => timers.push(call))")
    widget.run("played.handler([])")
    widget.wait_until_said("The store of logins does not answer")
    assert len(widget.rows()) == 2
    widget.run("timers.pop()()")
    widget.wait_for_rows(1)
    assert widget.said() == ""


def test_without_a_session_it_says_so_and_ends_nothing(browser: Chrome, url: str) -> None:
    widget = Widget(browser, url, [device(0), device(1)])
    widget.run("(window.old = widget.session, widget.session = null)")
    assert widget.said() == "Not connected: the list may be out of date."
    widget.press("li button")
    assert widget.calls("revoke") == 0
    widget.run("(widget.session = old)")
    wait_for(lambda: widget.said() == "", "it is connected again")
    widget.press("li button")
    widget.wait_for_rows(1)
    widget.run("widget.close()")
    assert (
        widget.run("document.getElementById('here').outerHTML") == '<div id="here" class=""></div>'
    )
    assert browser.get_log("browser") == []
