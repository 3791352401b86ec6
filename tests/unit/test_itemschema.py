"""The JSON Schema of the cookie item: the one that is printed, in the wheel, and in the docs."""

from importlib.resources import files
from pathlib import Path

import pytest
from attrs import fields
from click.testing import CliRunner
from jsonschema import Draft202012Validator

from cookietrack_plugin.admin.cli import main
from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.itemschema import cookie_schema, cookie_schema_text
from cookietrack_plugin.config.settings import HELP, CookieSettings

NAME = "cookie.schema.json"
COPIES = {
    "the wheel": files("cookietrack_plugin.config") / NAME,
    "the docs": Path(__file__).parents[2] / "docs" / NAME,
}


@pytest.mark.parametrize("where", COPIES)
def test_the_copy_is_the_one_that_is_made_from_the_checks(where):
    assert COPIES[where].read_text() == cookie_schema_text(), (
        f"cookietrack schema > {COPIES[where]}"
    )


def test_the_command_prints_it():
    assert CliRunner().invoke(main, ["schema"]).stdout == cookie_schema_text()


def test_it_is_a_schema():
    Draft202012Validator.check_schema(cookie_schema())


def test_it_has_every_key_with_its_default_and_what_it_means():
    properties = cookie_schema()["properties"]
    assert list(properties) == [each.name for each in fields(CookieSettings)] == list(HELP)
    for name, found in properties.items():
        default = getattr(CookieSettings(), name)
        assert found["default"] == (list(default) if isinstance(default, tuple) else default)
        assert found["description"]
    audit = properties["audit"]["properties"]
    assert list(audit) == [each.name for each in fields(AuditSettings)]


@pytest.mark.parametrize(
    ("item", "valid"),
    [
        ({}, True),
        ({"store": {"type": "database", "path": ".db"}, "secure": True}, True),
        ({"store": {"type": "database", "path": ".db"}, "rolling": True}, False),
        ({"store": {"type": "of-a-third-party", "anything": 1}}, True),
        ({"audit": None, "same_site": None}, True),
        ({"audit": {"type": "log", "required": True}}, False),
        ({"rolling": True, "absolute_max_age": 90_000}, True),
        ({"absolute_max_age": 90_000}, False),
        ({"absolute_max_age": None}, True),
    ],
)
def test_it_knows_what_keys_demand_of_each_other(item, valid):
    assert Draft202012Validator(cookie_schema()).is_valid(item) is valid
