"""The page with every key: what it says that a value may be is what the check accepts."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from attrs import fields, frozen
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.config.components import check_extra
from cookietrack_plugin.config.guard import GuardSettings, check_guard_item
from cookietrack_plugin.config.pathservice import KEYS
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.settings import CookieSettings, check_cookie_item
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.router.personalities.standalone import Personality
from tools.site.links import DOCS
from tools.site.options import options_of, own_types
from tools.site.parts import filled
from tools.site.services import own_services

PAGE = filled((DOCS / "reference" / "keys.md").read_text(), DOCS / "reference")
_ROW = re.compile(r"^\| `([\w.]+)` \| ((?:\\\||[^|])*) \|", re.MULTILINE)

TEN_YEARS_S = 10 * 365 * 86400
# What a key needs beside it.
BESIDE: Mapping[str, Mapping[str, Any]] = {
    "absolute_max_age": {"max_age": 1, "rolling": True},
    "first_max_age": {"max_age": TEN_YEARS_S},
    "idle_timeout": {"max_age": TEN_YEARS_S},
    "on_max_sessions": {"max_sessions": 1},
    "partitioned": {"secure": True},
    "rolling": {"max_age": 1},
}
NEEDED = {
    "path": {"path": "cookies"},
    "filename": {"filename": "cookies"},
    "sql": {"url": "sqlite:///cookies"},
    "redis": {"url": "redis://localhost"},
}
# What a string begins with, so that it matches.
BEGINS = {"path": "/", "domain": "a."}
GUARD = {
    "type": "cookietrack-guard",
    "cookie": {"store": {"type": "memory"}},
    "path": {"type": "static", "directory": "web"},
}


def sections() -> dict[str, list[tuple[str, str]]]:
    """By heading: each key with what it may be."""
    parts = re.split(r"^##+ (.*)$", PAGE, flags=re.MULTILINE)[1:]
    return {head: _ROW.findall(text) for head, text in zip(parts[::2], parts[1::2], strict=True)}


def of_store(kind: str) -> Callable[[str, Any], object]:
    needed = NEEDED.get(kind) or NEEDED.get(str(find_provider(kind).place)) or {}
    return lambda key, value: find_provider(kind).check({"type": kind, **needed, key: value})


def of_item(key: str, value: Any) -> None:
    check_cookie_item({**BESIDE.get(key, {}), key: value})


def of_lifetime(key: str, value: Any) -> None:
    check_cookie_item({"lifetimes": {"admin": {**BESIDE.get(key, {}), key: value}}})


def of_service(kind: str) -> Callable[[str, Any], object]:
    def check(key: str, value: Any) -> None:
        needed = GUARD if kind == GUARD["type"] else {"type": kind}
        Personality.check_web_path_service(Personality, "path", {**needed, key: value}, True)

    return check


def of_guard(key: str, value: Any) -> object:
    if key in KEYS:
        return of_service(str(GUARD["type"]))(key, value)
    outer, _, inner = key.partition(".")
    beside = {"logout": "/logout"} if key == "clear_site_data" else {}
    return check_guard_item({**GUARD, **beside, outer: {inner: value} if inner else value})


CHECKS: dict[str, Callable[[str, Any], object]] = {
    "The `cookie` item": of_item,
    "`audit` in it": lambda key, value: check_cookie_item({"audit": {key: value}}),
    "One lifetime in `lifetimes`": of_lifetime,
    **{f"`{each}`": of_store(each) for each in own_types()},
    **{f"The path service `{each}`": of_service(each) for each in own_services()},
    "The path service `cookietrack-guard`": of_guard,
    "The component `CookieAdministration`": lambda key, value: check_extra({key: value}),
}


@frozen
class Stated:
    """Values at the bounds that the page states, and just outside of them."""

    accepted: list[Any]
    refused: list[Any]


def stated(key: str, values: str) -> Stated:
    """By the words of the page."""
    if bounds := re.fullmatch(r"an? [\w ]+ from (\S+) (?:to (\S+)|on)", values):
        low, high = (json.loads(each) if each else None for each in bounds.groups())
        step = 0.001 if isinstance(low, float) else 1
        ends = [] if high is None else [high]
        return Stated([low, *ends], [low - step, *(end + step for end in ends), "1", True])
    if values in ("true or false", "true, false"):
        return Stated([True, False], ["true", 1, None])
    if longest := re.search(r"(\d+) (?:letters|characters)", values):
        begin, most = BEGINS.get(key, ""), int(longest[1])
        longest_one = begin + "a" * (most - len(begin))
        return Stated([longest_one], [f"{longest_one}a", "", "\n", 1])
    if re.fullmatch(r"(`[^`]*`(, )?)+", values):
        return Stated([json.loads(each) for each in re.findall("`(.*?)`", values)], ["other", 1])
    return Stated([], ["" if "not empty" in values else 1])


ROWS = [(head, *row) for head, rows in sections().items() for row in rows if head in CHECKS]


def test_the_page_has_a_table_for_each_check() -> None:
    found = {head for head, rows in sections().items() if rows}
    assert found - {"`store` in it"} >= CHECKS.keys()


@pytest.mark.parametrize(("head", "key", "values"), ROWS, ids=lambda text: text[:30])
def test_a_stated_bound_is_accepted_and_what_is_outside_is_refused(
    head: str, key: str, values: str
) -> None:
    found, check = stated(key, values.replace(r"\|", "|")), CHECKS[head]
    for value in found.accepted:
        check(key, value)
    for value in found.refused:
        with pytest.raises((ConfigError, InvalidConfigException)):
            check(key, value)


def test_bounds_are_stated() -> None:
    numbers = [row for row in ROWS if stated(row[1], row[2]).accepted]
    assert len(numbers) > 40


def test_every_key_is_on_the_page() -> None:
    found = {head: [key for key, _ in rows] for head, rows in sections().items()}
    assert found["The `cookie` item"] == [each.name for each in fields(CookieSettings)]
    guard = found["The path service `cookietrack-guard`"]
    assert [each.name for each in fields(GuardSettings) if each.name not in guard] == []
    assert "| `length` | an integer from 6 to 64 | `24` |" in PAGE
    assert '| `name` begins with `__Host-` | `path` has to be `"/"` |' in PAGE
    assert {"allow.roles", "denied.redirect", "headers.authid"} <= set(guard)
    assert [found[f"`{each}`"] for each in own_types()] == [
        list(options_of(each)) for each in own_types()
    ]


def defaults(head: str) -> Iterator[tuple[str, Any]]:
    text = PAGE.partition(f"# {head}\n")[2].partition("\n#")[0]
    for key, shown in re.findall(r"^\| `(\w+)` \| .* \| `(.*?)` \| [^|]*\|$", text, re.MULTILINE):
        yield key, json.loads(shown)


@pytest.mark.parametrize("kind", own_types())
def test_a_default_that_the_page_shows_is_accepted(kind: str) -> None:
    for key, value in defaults(f"`{kind}`"):
        CHECKS[f"`{kind}`"](key, value)


def test_a_key_has_one_row() -> None:
    assert PAGE.count("| `on_max_sessions` |") == PAGE.count("| `secure` |") == 1
    assert dict(defaults("The `cookie` item"))["secure"] is False
