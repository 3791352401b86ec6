"""The configuration examples of the README: what somebody copies has to work."""

import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from attrs import fields

from cookietrack_plugin.config.registry import DISTRIBUTION, GROUP, find_provider, owner
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.router.personalities.standalone import Personality

TOP = Path(__file__).parent.parent
README = (TOP / "README.md").read_text()
EXAMPLES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", README, re.DOTALL)]
NODES = [example for example in EXAMPLES if "version" in example]
STORES = [example for example in EXAMPLES if "version" not in example]


def test_every_store_of_ours_has_an_example() -> None:
    ours = {entry.name for entry in entry_points(group=GROUP) if DISTRIBUTION in owner(entry)}
    assert {store["type"] for store in STORES} == ours


@pytest.mark.parametrize("store", STORES, ids=lambda store: store["type"])
def test_the_store_accepts_its_example(
    store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in re.findall(r"\$\{(\w+)\}", str(store)):
        monkeypatch.setenv(variable, "secret")
    find_provider(store["type"]).check(store)


def test_every_key_of_the_cookie_item_is_explained_with_its_default() -> None:
    table = README.partition("| key |")[2].partition("\n\n")[0]
    for key in fields(CookieSettings):
        if key.name != "store":
            assert f"`{key.name}`" in table
    assert str(CookieSettings().max_age) in table
    assert str(CookieSettings().max_pending) in table


@pytest.mark.parametrize("config", NODES, ids=lambda node: "node")
def test_the_check_accepts_the_node(config: dict[str, Any]) -> None:
    Personality.check_config(Personality, config)


@pytest.mark.parametrize(
    "page", [TOP / "README.md", *(TOP / "docs").glob("*.md")], ids=lambda p: p.name
)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
