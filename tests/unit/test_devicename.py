"""What a client runs on, and whether it is meant by a text."""

import sys

import pytest
import ua_parser

from cookietrack_plugin.search import devicename
from cookietrack_plugin.search.devicename import device_name, is_on

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


@pytest.fixture(autouse=True)
def _forgotten():
    devicename._parsed.cache_clear()
    yield
    devicename._parsed.cache_clear()


@pytest.fixture
def no_ua_parser(monkeypatch):
    monkeypatch.setitem(sys.modules, "ua_parser", None)


def test_a_name_is_browser_and_device():
    assert device_name(FIREFOX) == "Firefox 128 on Linux"
    assert device_name(None) is None


def test_without_ua_parser_it_is_the_beginning_of_the_user_agent(no_ua_parser):
    assert device_name(FIREFOX) == "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko…"[:47] + "…"
    assert device_name("curl/8.5") == "curl/8.5"


@pytest.mark.parametrize(
    "text", ["Firefox 128 on Linux", "firefox ON linux", "on Linux", "x86_64; RV", "fox/128"]
)
def test_name_and_user_agent_are_searched(text):
    assert is_on(FIREFOX, text)


@pytest.mark.parametrize("text", ["Firefox 12 on Linux", "Chrome", "Firefox on Windows"])
def test_another_device_is_not_found(text):
    assert not is_on(FIREFOX, text)
    assert not is_on(None, text)


def test_without_ua_parser_the_user_agent_alone_is_searched(no_ua_parser):
    assert is_on(FIREFOX, "firefox/128")
    assert not is_on(FIREFOX, "Firefox on Linux")


def test_each_user_agent_is_parsed_once_and_where_need_be(monkeypatch):
    parsed = []
    monkeypatch.setattr(ua_parser, "parse", lambda text: parsed.append(text) or _Nothing())
    assert is_on(FIREFOX, "firefox")
    assert parsed == []
    for _ in range(3):
        assert not is_on(FIREFOX, "Firefox on Linux")
        assert device_name(FIREFOX)
    assert parsed == [FIREFOX]


class _Nothing:
    user_agent = device = os = None
