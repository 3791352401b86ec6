"""The example of the guard's page, and its table."""

import json
import re
from pathlib import Path

from attrs import fields

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.router.personalities.standalone import Personality

PAGE = (Path(__file__).parent.parent / "docs" / "guard.md").read_text()
[EXAMPLE] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_the_check_accepts_the_example() -> None:
    Personality.check_config(Personality, EXAMPLE)
    assert not any("guard" in each or "/admin" in each for each in check_node(EXAMPLE))


def test_every_key_is_explained() -> None:
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    assert [key.name for key in fields(GuardSettings) if f"`{key.name}`" not in table] == []
