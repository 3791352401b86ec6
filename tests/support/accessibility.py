"""What axe-core finds on a page: with its own rules, in the browser that shows it."""

from pathlib import Path

from selenium.webdriver import Chrome

from tests.support.missing import missing

_AXE = Path(__file__).parents[2] / "node_examples/demo/node_modules/axe-core/axe.min.js"
_FINDINGS = """
const done = arguments[0];
axe.run().then(({violations}) => done(violations.map(
  ({id, nodes}) => `${id}: ${nodes.slice(0, 2).map(({html}) => html).join(" ")}`)));
"""


def findings(browser: Chrome) -> list[str]:
    """A line for each rule that the page in front breaks, with the first elements that do."""
    if not _AXE.exists():
        missing("axe-core is not installed (Debian: apt install npm; then make test)")
    if not browser.execute_script("return Boolean(window.axe)"):
        browser.execute_script(_AXE.read_text())
    found: list[str] = browser.execute_async_script(_FINDINGS)
    return found


def show_scheme(browser: Chrome, scheme: str) -> None:
    """Show the page in front as to somebody who prefers `dark` or `light`."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
