"""The keys of the items of a configuration, of what checks them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cookietrack_plugin.config.audit import RULES as OF_AUDIT
from cookietrack_plugin.config.itemschema import cookie_schema
from cookietrack_plugin.config.rules import Rule
from cookietrack_plugin.config.settings import CROSSBARS_KEYS, RULES
from tools.site.parts import literal, table

_HEAD = ("key", "values", "default", "meaning")


def items(_: Path) -> str:
    """The `cookie` item, and the items in it."""
    properties = cookie_schema()["properties"]
    lifetime = properties["lifetimes"]["additionalProperties"]["properties"]
    named = [
        "## The `cookie` item",
        table(_HEAD, list(_rows(properties))),
        _demands(RULES),
        f"Of these keys `database` heeds {_names(CROSSBARS_KEYS)} alone.",
        "## `audit` in it",
        table(_HEAD, list(_rows(properties["audit"]["properties"]))),
        _demands(OF_AUDIT),
        "## One lifetime in `lifetimes`",
        table(("key", "values"), [(f"`{key}`", words(each)) for key, each in lifetime.items()]),
    ]
    return "\n\n".join(named)


def words(schema: Mapping[str, Any]) -> str:
    """What a JSON Schema of one value allows."""
    if "enum" in schema:
        return ", ".join(literal(each) for each in schema["enum"] if each is not None)
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "integer":
        return f"an integer from {schema['minimum']} to {schema['maximum']}"
    if kind == "string" and "pattern" in schema:
        pattern = schema["pattern"].removeprefix("^(").removesuffix(")$")
        return f"a string of at most {schema['maxLength']} characters that matches `{pattern}`"
    names = {"boolean": "true, false", "string": "a string", "object": "a mapping"}
    return {"array": "a list of strings", **names}[kind]


def _rows(properties: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for key, schema in properties.items():
        default = schema["default"]
        shown = "none" if default in (None, [], {}) else literal(default)
        yield f"`{key}`", words(schema), shown, _with_code(schema["description"])


def _names(keys: Sequence[str]) -> str:
    *first, last = (f"`{key}`" for key in keys)
    return f"{', '.join(first)} and {last}"


def _demands(rules: Sequence[Rule]) -> str:
    rows = table(("where", "then"), list(_rules(rules)))
    return f"What one key demands of another:\n\n{rows}"


def _rules(rules: Sequence[Rule]) -> Iterator[tuple[str, str]]:
    for rule in rules:
        begins = hasattr(rule.when, "prefix")
        when = f"begins with `{rule.when.prefix}`" if begins else f"is {_known(rule.when.value)}"
        yield f"`{rule.when.key}` {when}", f"`{rule.then.key}` has to be {_known(rule.then.value)}"


def _known(value: Any) -> str:
    return "left out" if value is None else literal(value)


def _with_code(text: str) -> str:
    """Names of keys that no word is written like, and prefixes of names."""
    return re.sub(r"(__Secure-|__Host-|\b[a-z]+(_[a-z]+)+\b)", r"`\1`", text)
