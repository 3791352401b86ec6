"""The JSON Schema of the `cookie` item, from what checks it."""

import json
from typing import Any

from cookietrack_plugin.config.registry import (
    DISTRIBUTION,
    find_provider,
    installed_types,
    keeps_records,
    owner,
    registrations,
)
from cookietrack_plugin.config.rules import schema_of
from cookietrack_plugin.config.settings import CROSSBARS_KEYS, HELP, RULES, CookieSettings

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# What only the checks know.
_COMMENT = (
    "crossbar-cookietrack check knows more: the options of each store, idle_timeout and"
    " absolute_max_age beside max_age, networks that are none, and what is not safe."
)


def cookie_schema() -> dict[str, Any]:
    """The schema: the checks refuse all that it refuses; `$comment` says what it cannot."""
    schema = schema_of(CookieSettings, RULES, HELP)
    schema["allOf"] += [_passed_through(name) for name in _passed_through_types()]
    head = {"$schema": DIALECT, "title": "The cookie item of a transport", "$comment": _COMMENT}
    return {**head, **schema}


def cookie_schema_text() -> str:
    """The same as a file."""
    return json.dumps(cookie_schema(), indent=2) + "\n"


def _passed_through_types() -> list[str]:
    """Of this package alone: with other packages installed the schema is the same."""
    own = [
        name
        for name in installed_types()
        if any(owner(each).startswith(f"{DISTRIBUTION} ") for each in registrations(name))
    ]
    return [name for name in own if not keeps_records(find_provider(name))]


def _passed_through(store_type: str) -> dict[str, Any]:
    """Such stores heed Crossbar's keys alone."""
    store = {"required": ["type"], "properties": {"type": {"const": store_type}}}
    return {
        "if": {"required": ["store"], "properties": {"store": store}},
        "then": {"propertyNames": {"enum": list(CROSSBARS_KEYS)}},
    }
