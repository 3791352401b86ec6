"""The example of the console's page, and its tables."""

import json
import re
from pathlib import Path

import pytest

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.record import as_mapping
from cookietrack_plugin.router.console.sessions import FILTERS
from cookietrack_plugin.router.personalities.standalone import Personality
from cookietrack_plugin.testing.samples import make_cookie

PAGE = (Path(__file__).parent.parent / "docs" / "console.md").read_text()
[EXAMPLE] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
RESOURCES = ("me", "sessions", "count", "connections", "numbers", "health", "warnings", "stream")


def test_the_check_accepts_the_example() -> None:
    Personality.check_config(Personality, EXAMPLE)
    assert not any("console" in each for each in check_node(EXAMPLE))


@pytest.mark.parametrize("name", RESOURCES)
def test_every_resource_is_explained(name: str) -> None:
    assert f"| `GET api/v1/{name}` |" in PAGE


def test_every_filter_and_every_field_is_explained() -> None:
    names = [*FILTERS, *as_mapping(make_cookie())]
    assert [name for name in names if f"`{name}`" not in PAGE] == []
