"""What one key of an item demands of another: one source for the checks and the JSON Schema."""

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import fields, frozen
from attrs.validators import optional

from cookietrack_plugin.stores.kit.wording import wrong_value

_OPTIONAL = type(optional(lambda *_: None))


@frozen
class Is:
    """A key has this value."""

    key: str
    value: Any

    def holds(self, found: Any) -> bool:
        return type(found) is type(self.value) and found == self.value

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"const": self.value}


@frozen
class Begins:
    """A key's value begins so. `prefix` has no characters that mean something in a pattern."""

    key: str
    prefix: str

    def holds(self, found: Any) -> bool:
        return isinstance(found, str) and found.startswith(self.prefix)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"type": "string", "pattern": f"^{self.prefix}"}


@frozen
class Rule:
    """
    Where `when` holds of an item, `then` has to hold too.

    `expected`: for the message, where `{name}` stands for the value of the key `name`.
    """

    when: Is | Begins
    then: Is
    expected: str

    def check(self, item: Any, place: str) -> None:
        """
        :param item: the settings, each key an attribute.
        :raises ConfigError: the item breaks the rule.
        """
        if not self.when.holds(getattr(item, self.when.key)):
            return
        found = getattr(item, self.then.key)
        if not self.then.holds(found):
            expected = self.expected.replace("{name}", str(getattr(item, "name", "")))
            raise wrong_value(self.then.key, place, expected, found)

    def schema(self, defaults: Mapping[str, Any]) -> Mapping[str, Any]:
        """:param defaults: the value of each key that an item may leave out."""
        return {
            "if": _having(self.when, defaults),
            "then": _having(self.then, defaults),
        }


def _having(condition: Is | Begins, defaults: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"properties": {condition.key: condition.schema}}
    if not condition.holds(defaults[condition.key]):
        found["required"] = [condition.key]
    return found


def schema_of(
    settings: Any, rules: Iterable[Rule], descriptions: Mapping[str, str]
) -> dict[str, Any]:
    """
    The JSON Schema (draft 2020-12) of an item.

    :param settings: a class of attrs, each attribute with a default, and a validator that has a
        `schema` (see `config.validators`), maybe within attrs' `optional`.
    :param descriptions: of each attribute.
    """
    item = settings()
    defaults = {each.name: getattr(item, each.name) for each in fields(settings)}
    properties = {
        each.name: {
            "description": descriptions[each.name],
            **_schema_of(each.validator),
            "default": _as_json(defaults[each.name]),
        }
        for each in fields(settings)
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "allOf": [rule.schema(defaults) for rule in rules],
    }


def _as_json(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def _schema_of(validator: Any) -> dict[str, Any]:
    if not isinstance(validator, _OPTIONAL):
        return dict(validator.schema)
    inner: Any = validator
    schema = _schema_of(inner.validator)
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    return {**schema, "type": [schema["type"], "null"]}
