"""The page about the widget: its configuration is accepted, and its tables are complete."""

import json
import re
from pathlib import Path

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.router.personalities.standalone import Personality

TOP = Path(__file__).parent.parent
PAGE = (TOP / "docs" / "devices.md").read_text()
WIDGETS = TOP / "cookietrack_plugin" / "widgets"
[EXAMPLE] = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def missing(names: list[str], heading: str) -> list[str]:
    """Those that the section does not have."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [name for name in names if f"`{name}" not in section]


def test_the_check_accepts_the_example() -> None:
    Personality.check_config(Personality, EXAMPLE)
    assert not any("devices" in each or "component" in each for each in check_node(EXAMPLE))


def test_every_option_event_and_property_is_explained() -> None:
    widget = (WIDGETS / "devices.js").read_text()
    [options] = re.findall(r"const \{ (.*) \} = options;", widget)
    names = [re.split(r" = ", option)[0] for option in options.split(", ")]
    assert len(names) == 7
    assert missing(names, "Options") == []
    assert missing(re.findall(r'#tell\("(\w+)"', widget), "Methods and events") == []
    properties = re.findall(r"var\((--[\w-]+),", (WIDGETS / "devices.css").read_text())
    assert missing(properties, "Looks") == []


def test_every_error_that_has_words_is_explained_or_is_a_wrong_configuration() -> None:
    words = (WIDGETS / "devices-words.js").read_text()
    errors = re.findall(r'"((?:wamp|cookietrack)\.error\.\w+)"', words)
    ours = [each for each in errors if not re.search("not_auth|no_such|not_disclosed", each)]
    assert len(ours) == 4
    assert missing(ours, "What users read") == []
