"""docs/asvs.md: every row has a status, and every test that it names exists."""

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
from attrs import fields

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.personalities.standalone import Personality

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "asvs.md").read_text()
STATUSES = {"held", "if configured", "the application's", "in part", "not held"}
NAMED = sorted(set(re.findall(r"`(tests/[^`]*)`", PAGE)))
CHAPTER_3_3 = [f"3.3.{number}" for number in range(1, 6)]
CHAPTER_7 = [
    f"7.{section}.{number}"
    for section, numbers in enumerate((3, 4, 2, 5, 3, 2), 1)
    for number in range(1, numbers + 1)
]
# WebSocket options of Crossbar that rows name.
OPTIONS = {"allowed_origins", "allow_null_origin"}
HARDENED = TOP / "node_examples" / "hardened" / ".crossbar" / "config.json"


def rows(heading):
    """The rows of the table under a heading, as lists of cells."""
    section = PAGE.partition(f"## {heading}")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1:]]


HEADINGS = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
ROWS = [row for heading in HEADINGS for row in rows(heading)]


@cache
def functions(path):
    tree = ast.parse((TOP / path).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", NAMED)
def test_a_test_that_is_named_exists(name):
    path, _, function = name.partition("::")
    assert function.startswith("test_")
    assert function in functions(path)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_has_a_status_and_says_how(row):
    *_, status, how = row
    assert status in STATUSES
    assert how
    if status == "held":
        assert "`tests/" in how


@pytest.mark.parametrize("row", [row for row in ROWS if row[-2] == "if configured"], ids=str)
def test_what_is_to_be_configured_is_named(row):
    keys = {key.name for key in fields(CookieSettings)} | OPTIONS
    words = set(re.findall(r"`(\w+)", row[-1]))
    assert words & keys or "TLS" in row[-1]


def test_the_chapters_of_asvs_are_there_as_a_whole():
    assert [row[0] for row in rows("OWASP ASVS 5.0, V3.3")] == CHAPTER_3_3
    assert [row[0] for row in rows("OWASP ASVS 5.0, V7")] == CHAPTER_7


@pytest.fixture
def strict():
    class Strict(Personality):
        warnings_are_errors = True

    return Strict


def test_the_hardened_example_passes_the_strict_check(strict):
    strict.check_config_file(strict, str(HARDENED))


def test_it_has_what_the_rows_of_level_2_name():
    config = json.loads(HARDENED.read_text())
    [transport] = config["workers"][0]["transports"]
    set_there = {*transport["cookie"], *transport["options"]}
    named = {
        key
        for row in ROWS
        if row[-2] == "if configured" and row[1] != "3"
        for key in re.findall(r"`(\w+)", row[-1])
    }
    keys = {key.name for key in fields(CookieSettings)} | OPTIONS
    # A fixed lifetime is absolute already; no other host is to have the cookie.
    beside = {"absolute_max_age", "domain"}
    assert (named & keys) - beside <= set_there
    assert transport["endpoint"]["tls"]
    assert transport["cookie"]["audit"]["required"]
