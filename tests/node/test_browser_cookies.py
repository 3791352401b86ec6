"""Cookies in a real browser, over TLS: which of them it keeps, and where it sends them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome

from cookietrack_plugin.header import id_of
from tests.support import configs
from tests.support.browser import chromium, forgetting
from tests.support.pages import HERE, THERE, Pages, cookies, log_in, stop_by, visit

pytestmark = [pytest.mark.node, pytest.mark.browser]

MEMORY = {"store": {"type": "memory"}, "secure": True, "http_strict": True}
# Their authid is the cookie's id.
TRACKED = {"anonymous": {"type": "static", "role": "anonymous"}}
HOST = {**MEMORY, "name": "__Host-visit", "path": "/"}
SOCKETS: dict[str, tuple[Any, Any]] = {
    "host": ({**HOST, "same_site": "Lax"}, TRACKED),
    "partitioned": (
        {**HOST, "name": "__Host-part", "same_site": "None", "partitioned": True},
        TRACKED,
    ),
    "third": ({**HOST, "name": "__Host-third", "same_site": "None"}, TRACKED),
    "brief": ({**MEMORY, "name": "brief", "persistent": False}, TRACKED),
    "lasting": ({**MEMORY, "name": "lasting"}, TRACKED),
    "ws": (MEMORY, configs.LOGIN),
    "deep/ws": (MEMORY, configs.LOGIN),
    "all": ({**MEMORY, "name": "all", "path": "/"}, configs.LOGIN),
    "deep/all": ({**MEMORY, "name": "all", "path": "/"}, configs.LOGIN),
}
# As most browsers have it, or are about to.
NO_THIRD_PARTIES = "--test-third-party-cookie-phaseout"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with Pages(tmp_path_factory.mktemp("pages"), SOCKETS).served() as served:
        yield served


@pytest.fixture(scope="module")
def one_browser(pages: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    profile = tmp_path_factory.mktemp("browser") / "profile"
    with chromium(profile, NO_THIRD_PARTIES, *pages.flags()) as browser:
        yield browser


@pytest.fixture
def browser(one_browser: Chrome) -> Iterator[Chrome]:
    with forgetting(one_browser):
        yield one_browser


def who(browser: Chrome, path: str) -> str:
    """The id of the cookie that the browser has there now."""
    return visit(browser, path)["authid"]


def test_a_cookie_of_a_host_alone_is_kept_and_sent(pages: Pages, browser: Chrome) -> None:
    pages.open(browser)
    first = who(browser, "host")
    assert who(browser, "host") == first
    (kept,) = cookies(browser)["__Host-visit"]
    assert id_of(kept["value"]) == first
    assert (kept["domain"], kept["path"]) == (HERE, "/")
    assert (kept["secure"], kept["httpOnly"], kept["sameSite"]) == (True, True, "Lax")


def test_in_a_frame_of_another_site_a_partitioned_cookie_is_kept_and_sent(
    pages: Pages, browser: Chrome
) -> None:
    pages.open(browser, THERE, framed=HERE)
    first = who(browser, "partitioned")
    assert who(browser, "partitioned") == first
    pages.open(browser, THERE, framed=HERE)
    assert who(browser, "partitioned") == first, "in another page of that site"
    (kept,) = cookies(browser)["__Host-part"]
    assert kept["partitionKey"] == {
        "topLevelSite": f"https://{THERE}",
        "hasCrossSiteAncestor": True,
    }

    pages.open(browser)
    assert who(browser, "partitioned") not in (first, None), "a partition of its own"
    assert len(cookies(browser)["__Host-part"]) == 2


@pytest.mark.parametrize("path", ["host", "third"])
def test_in_a_frame_of_another_site_other_cookies_are_not_kept(
    path: str, pages: Pages, browser: Chrome
) -> None:
    pages.open(browser, THERE, framed=HERE)
    assert who(browser, path) != who(browser, path)
    assert cookies(browser) == {}


def test_cookies_of_one_name_at_two_paths_do_not_lock_their_user_out(
    pages: Pages, browser: Chrome
) -> None:
    pages.open(browser)
    stop_by(browser, "deep/ws")
    assert log_in(browser, "ws")["challenged"]
    assert sorted(each["path"] for each in cookies(browser)["cbtid"]) == ["/", "/deep"]
    for path in ("deep/ws", "ws", "deep/ws"):
        found = log_in(browser, path)
        assert (found["authprovider"], found["challenged"]) == ("cookie", False), path


def test_one_cookie_for_all_paths_lets_its_user_in_at_each(pages: Pages, browser: Chrome) -> None:
    pages.open(browser)
    assert log_in(browser, "deep/all")["challenged"]
    for path in ("all", "deep/all"):
        assert log_in(browser, path)["authprovider"] == "cookie", path
    assert [each["path"] for each in cookies(browser)["all"]] == ["/"]


def test_a_cookie_for_the_browsers_session_ends_with_it_and_another_does_not(
    pages: Pages, tmp_path: Path
) -> None:
    found = []
    for _ in range(2):
        with chromium(tmp_path / "profile", *pages.flags()) as browser:
            pages.open(browser)
            found.append((who(browser, "brief"), who(browser, "lasting")))
            assert who(browser, "brief") == found[-1][0], "kept as long as the browser runs"
    (brief, lasting), (brief_again, lasting_again) = found
    assert brief_again != brief
    assert lasting_again == lasting
