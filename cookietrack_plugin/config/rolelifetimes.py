"""`lifetimes` in a `cookie` item: how long logins last, by their role and realm."""

import re
from collections.abc import Mapping
from typing import Any

from attrs import Attribute, frozen

from cookietrack_plugin.config.lifespan import Lifespan
from cookietrack_plugin.config.validators import PLACE
from cookietrack_plugin.stores.kit.wording import unknown_attribute, wrong, wrong_type, wrong_value

MAX_S = 10 * 365 * 86400
# What is expected of `absolute_max_age` then.
NOT_ROLLING = 'nothing without "rolling": true, as "max_age" is absolute already'

# The keys of one.
LIFETIME = ("max_age", "idle_timeout", "rolling", "absolute_max_age")
_SECONDS = f"an integer from 1 to {MAX_S} seconds"
_NAME = re.compile(r"[^@]+(@[A-Za-z0-9_@.-]+)?")
_ROLLS = {"required": ["rolling"], "properties": {"rolling": {"const": True}}}
_EXAMPLE = 'a mapping such as {"admin": {"max_age": 3600}, "user@realm1": {"idle_timeout": 900}}'


def lifetimes_of(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Lifespan]:
    """By role, and by `role@realm`. `item` was checked."""
    return {name: Lifespan(**each) for name, each in item.items()}


@frozen
class LifetimesItem:
    """A map of lifetimes. Raises ConfigError, naming what was expected and what was found."""

    place: str = PLACE

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        name = attribute.name
        if not isinstance(value, Mapping):
            raise wrong_type(name, self.place, _EXAMPLE, value)
        for role, lifetime in value.items():
            if not isinstance(role, str) or not _NAME.fullmatch(role):
                raise wrong(name, self.place, "roles, and role@realm, as its keys", f'"{role}"')
            _check_lifetime(lifetime, f"{name}.{role}", self.place)

    @property
    def schema(self) -> Mapping[str, Any]:
        seconds = {"type": "integer", "minimum": 1, "maximum": MAX_S}
        keys = {key: {"type": "boolean"} if key == "rolling" else seconds for key in LIFETIME}
        lifetime = {
            "type": "object",
            "additionalProperties": False,
            "properties": keys,
            "anyOf": [{"required": ["max_age"]}, {"required": ["idle_timeout"]}],
            "allOf": [
                {"if": _ROLLS, "then": {"required": ["max_age"]}},
                {"if": {"required": ["absolute_max_age"]}, "then": _ROLLS},
            ],
        }
        return {
            "type": "object",
            "propertyNames": {"pattern": f"^({_NAME.pattern})$"},
            "additionalProperties": lifetime,
        }


def _check_lifetime(item: object, attribute: str, place: str) -> None:
    if not isinstance(item, Mapping):
        raise wrong_type(attribute, place, 'a mapping such as {"max_age": 3600}', item)
    within = f"{attribute} of {place}"
    for key, value in item.items():
        if key not in LIFETIME:
            raise unknown_attribute(key, within, LIFETIME)
        _check_value(key, value, within)
    if not {"max_age", "idle_timeout"} & item.keys():
        raise wrong(attribute, place, '"max_age", "idle_timeout" or both in it', "neither")
    check_consistency(item, within)


def _check_value(key: str, value: object, place: str) -> None:
    if key == "rolling":
        if type(value) is not bool:
            raise wrong_type(key, place, "true or false", value)
    elif type(value) is not int:
        raise wrong_type(key, place, _SECONDS, value)
    elif not 1 <= value <= MAX_S:
        raise wrong_value(key, place, _SECONDS, value)


def check_consistency(item: Mapping[str, Any], place: str) -> None:
    """
    Check that the parts of a lifetime fit one another.

    :raises ConfigError: naming the one that does not.
    """
    max_age, idle, absolute = (item.get(n) for n in ("max_age", "idle_timeout", "absolute_max_age"))
    if idle is not None and max_age is not None and idle > max_age:
        raise wrong_value("idle_timeout", place, f'"max_age", {max_age}, or less', idle)
    if item.get("rolling") and max_age is None:
        raise wrong("rolling", place, '"max_age" beside it', "none")
    if absolute is None:
        return
    if not item.get("rolling"):
        expected = NOT_ROLLING
    elif absolute < max_age:
        expected = f'"max_age", {max_age}, or more'
    else:
        return
    raise wrong_value("absolute_max_age", place, expected, absolute)
