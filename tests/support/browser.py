"""A headless Chromium, driven through ChromeDriver, and the demo's page in its tabs."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from websocket import create_connection

from tests.support.missing import missing
from tests.support.node import wait_for

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--window-size=1280,1000",
)
_ROWS = "return [...document.querySelectorAll('#device-list li')].map((each) => each.innerText)"
_BOTTOM = "return arguments[0].getBoundingClientRect().bottom"


@contextmanager
def chromium(profile: Path, *flags: str) -> Iterator[Chrome]:
    """
    A browser with a profile of its own: nothing in it is shared with another test's. One that is
    opened with the profile of an earlier one is that browser, started again.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not binary or not driver:
        missing("Chromium is not installed (Debian: apt install chromium chromium-driver)")
    options = ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, *flags, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(driver))
    try:
        yield browser
    finally:
        browser.quit()


@contextmanager
def forgetting(browser: Chrome) -> Iterator[None]:
    """The browser forgets afterwards what it did within the block."""
    first = browser.current_window_handle
    origins = set()
    try:
        yield
    finally:
        for handle in browser.window_handles:
            browser.switch_to.window(handle)
            origins.add(browser.execute_script("return location.origin"))
            if handle != first:
                browser.close()
        browser.switch_to.window(first)
        for origin in origins:
            everything = {"origin": origin, "storageTypes": "all"}
            browser.execute_cdp_cmd("Storage.clearDataForOrigin", everything)
        browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
        browser.get_log("browser")


@contextmanager
def private_windows(browser: Chrome) -> Iterator[Callable[[], str]]:
    """
    Opens a private window each time, and returns its handle: it shares no cookie, no storage and no
    cache with the other windows of the browser, which are spared the start of one more.
    """
    address = browser.capabilities["goog:chromeOptions"]["debuggerAddress"]
    with urlopen(f"http://{address}/json/version") as found:
        devtools = json.load(found)["webSocketDebuggerUrl"]
    # Chromium lets a page's own connection, which is ChromeDriver's, open none.
    with closing(create_connection(devtools, suppress_origin=True)) as connection:

        def do(method: str, **params: Any) -> dict[str, Any]:
            connection.send(json.dumps({"id": 1, "method": method, "params": params}))
            result: dict[str, Any] = json.loads(connection.recv())["result"]
            return result

        opened: dict[str, dict[str, Any]] = {}

        def open_window() -> str:
            context = do("Target.createBrowserContext")
            handle = str(do("Target.createTarget", url="about:blank", **context)["targetId"])
            opened[handle] = context
            return handle

        try:
            yield open_window
        finally:
            for context in opened.values():
                do("Target.disposeBrowserContext", **context)
            wait_for(lambda: opened.keys().isdisjoint(browser.window_handles), "they close")


class Tab:
    """
    One tab with the demo's page.

    :param window: the handle of a private window, which becomes the tab.
    """

    def __init__(self, browser: Chrome, url: str, window: str | None = None) -> None:
        self._browser = browser
        if window is None:
            browser.switch_to.new_window("tab")
        else:
            browser.switch_to.window(window)
        self._handle = browser.current_window_handle
        browser.get(url)

    @property
    def browser(self) -> Chrome:
        """The browser, with this tab in front."""
        self._browser.switch_to.window(self._handle)
        return self._browser

    def run(self, script: str) -> Any:
        return self.browser.execute_script(script)

    def text(self, element: str) -> str:
        """What a reader sees of the element: nothing while it is hidden."""
        return self.browser.find_element(By.ID, element).text

    def is_enabled(self, element: str) -> bool:
        return self.browser.find_element(By.ID, element).is_enabled()

    def phase(self) -> str | None:
        """None while there is no page."""
        phase: str | None = self.run("return document.getElementById('link')?.dataset.phase")
        return phase

    def wait_until(self, phase: str) -> "Tab":
        wait_for(lambda: self.phase() == phase, f"phase {phase}")
        return self

    def login(self, user: str, password: str, method: str) -> None:
        for name, value in (("user", user), ("password", password)):
            field = self.browser.find_element(By.ID, name)
            field.clear()
            field.send_keys(value)
        self.browser.find_element(By.CSS_SELECTOR, f"input[value={method}]").click()
        self.click("login-button")

    def click(self, element: str) -> None:
        self.browser.find_element(By.ID, element).click()

    def press(self, selector: str) -> None:
        """Click on the first element that a CSS selector finds, at once: lists change."""
        self.browser.execute_script("document.querySelector(arguments[0]).click()", selector)

    def type(self, *keys: str) -> None:
        """On the keyboard, wherever the focus is."""
        self.browser.switch_to.active_element.send_keys(*keys)

    def focused(self) -> str:
        """The id of the element that has the focus."""
        return str(self.run("return document.activeElement.id"))

    def resize(self, width: int, height: int) -> "Tab":
        """Give the page this many pixels."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        return self

    def bottom_of(self, element: str) -> float:
        """How many pixels below the top of the window an element ends."""
        found = self.browser.find_element(By.ID, element)
        return float(self.browser.execute_script(_BOTTOM, found))

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """The page, loaded again in a browser that runs no scripts."""
        switch = "Emulation.setScriptExecutionDisabled"
        self.browser.execute_cdp_cmd(switch, {"value": True})
        try:
            self.browser.refresh()
            yield
        finally:
            self.browser.execute_cdp_cmd(switch, {"value": False})
            self.browser.refresh()

    def seen(self) -> str:
        """All text that a reader sees."""
        return self.browser.find_element(By.TAG_NAME, "body").text

    def said(self) -> str:
        """What the list of devices says of itself."""
        return self.browser.find_element(By.CLASS_NAME, "cookietrack-status").text

    def ticked(self) -> set[str]:
        """The steps of the tour that the page has seen happen."""
        return set(
            self.run(
                "return [...document.querySelectorAll('[data-done]')].map(e => e.dataset.step)"
            )
        )

    def devices(self) -> list[str]:
        """The list of devices, a line each."""
        return [" ".join(row.split()) for row in self.run(_ROWS)]

    def wait_for_devices(self, count: int) -> "Tab":
        wait_for(lambda: len(self.devices()) == count, f"{count} devices")
        return self

    def complaints(self) -> list[str]:
        """What the browser itself had to say: script errors, blocked or missing files."""
        return [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE"
        ]
