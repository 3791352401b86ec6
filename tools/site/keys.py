"""The keys of the items of a configuration, of what checks them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import NOTHING, Factory, fields

from cookietrack_plugin.config.guard import GuardSettings
from cookietrack_plugin.config.itemschema import cookie_schema
from cookietrack_plugin.config.settings import RULES
from tools.site.parts import table

# Of an attribute, in the docstring of its class.
_MEANING = re.compile(r"`(\w+)`: (.*?)(?=[.;] `\w+`: |\.$|\. $)")
_HEAD = ("key", "values", "default", "meaning")


def items(_: Path) -> str:
    """The `cookie` item, and the items in it."""
    properties = cookie_schema()["properties"]
    lifetime = properties["lifetimes"]["additionalProperties"]["properties"]
    named = [
        "## The `cookie` item",
        table(_HEAD, list(_rows(properties))),
        "What one key demands of another:",
        table(("where", "then"), list(_rules())),
        "## `audit` in it",
        table(_HEAD, list(_rows(properties["audit"]["properties"]))),
        "## One lifetime in `lifetimes`",
        table(("key", "values"), [(f"`{key}`", words(each)) for key, each in lifetime.items()]),
    ]
    return "\n\n".join(named)


def guard(_: Path) -> str:
    """The item of a guard."""
    meanings = dict(_MEANING.findall(" ".join(str(GuardSettings.__doc__).split())))
    keys = fields(GuardSettings)
    rows = [(f"`{each.name}`", _default(each), meanings[each.name]) for each in keys]
    return table(("key", "default", "meaning"), rows)


def words(schema: Mapping[str, Any]) -> str:
    """What a JSON Schema of one value allows."""
    if "enum" in schema:
        return ", ".join(_literal(each) for each in schema["enum"] if each is not None)
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    if kind == "string" and "pattern" in schema:
        return f"a string that matches `{schema['pattern']}`"
    names = {"boolean": "true, false", "string": "a string", "object": "a mapping"}
    return {"array": "a list of strings", **names}[kind]


def _rows(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for key, schema in properties.items():
        default = schema["default"]
        shown = "none" if default in (None, [], {}) else _literal(default)
        yield f"`{key}`", words(schema), shown, _with_code(schema["description"])


def _rules() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        begins = hasattr(rule.when, "prefix")
        when = f"begins with `{rule.when.prefix}`" if begins else f"is {_known(rule.when.value)}"
        yield f"`{rule.when.key}` {when}", f"`{rule.then.key}` has to be {_known(rule.then.value)}"


def _known(value: Any) -> str:
    return "left out" if value is None else _literal(value)


def _literal(value: Any) -> str:
    return f"`{json.dumps(value)}`"


def _with_code(text: str) -> str:
    """Names of keys that no word is written like, and prefixes of names."""
    return re.sub(r"(__Secure-|__Host-|\b[a-z]+(_[a-z]+)+\b)", r"`\1`", text)


def _default(attribute: Any) -> str:
    if attribute.default is NOTHING:
        return "required"
    if isinstance(attribute.default, Factory) or attribute.default in (None, ()):  # type: ignore[arg-type]
        return "none"
    return _literal(attribute.default)
