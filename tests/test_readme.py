"""The README's table of stores: see `test_pages.py` for the rest."""

import json
import re
from importlib.metadata import entry_points
from typing import Any

import pytest

from cookietrack_plugin.config.check import check_node
from cookietrack_plugin.config.registry import DISTRIBUTION, GROUP, find_provider, owner
from tests.support.markdown import TOP, blocks

README = (TOP / "README.md").read_text()
STORES = [json.loads(item) for item in re.findall(r'`(\{"type": .*?\})` \|', README)]


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


def test_the_check_has_nothing_to_say_about_the_configuration() -> None:
    [config] = [json.loads(code) for code in blocks(TOP / "README.md", "json")]
    assert check_node(config) == []
