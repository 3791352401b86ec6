"""What a value may be: one source for the checks of an item and for its JSON Schema."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from attrs import Attribute, frozen

from cookietrack_plugin.config.proxies import UNIX, TrustedProxies
from cookietrack_plugin.stores.kit.wording import MISSING, wrong_type, wrong_value

PLACE = "the cookie item"


class Validator(Protocol):
    """Called by attrs with the instance, the attribute, and its value; raises ConfigError."""

    def __call__(self, instance: Any, attribute: "Attribute[Any]", value: Any, /) -> None: ...

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON Schema (draft 2020-12) of what it accepts, as far as that can say it."""


@frozen
class Integer:
    """From `low` to `high`; `unit` follows the numbers in messages."""

    low: int
    high: int
    unit: str = ""
    place: str = PLACE

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        expected = f"an integer from {self.low} to {self.high}{self.unit}"
        if type(value) is not int:
            raise wrong_type(attribute.name, self.place, expected, value)
        if not self.low <= value <= self.high:
            raise wrong_value(attribute.name, self.place, expected, value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@frozen
class OneOf:
    """One of these strings."""

    values: tuple[str, ...]
    place: str = PLACE

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        expected = "one of " + ", ".join(f'"{each}"' for each in self.values)
        if not isinstance(value, str):
            raise wrong_type(attribute.name, self.place, expected, value)
        if value not in self.values:
            raise wrong_value(attribute.name, self.place, expected, value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"type": "string", "enum": list(self.values)}


@frozen
class Boolean:
    """True or false."""

    place: str = PLACE

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        if type(value) is not bool:
            raise wrong_type(attribute.name, self.place, "true or false", value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"type": "boolean"}


@frozen
class BooleanOr:
    """True, false, or one string."""

    value: str
    place: str = PLACE

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        if type(value) is bool or value == self.value:
            return
        expected = f'true, false or "{self.value}"'
        wrong = wrong_value if isinstance(value, str) else wrong_type
        raise wrong(attribute.name, self.place, expected, value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {"enum": [True, False, self.value]}


@frozen
class Matching:
    """
    A string of at most `most` characters that the pattern matches as a whole. `because`: the reason
    for that limit, which ends the message about a longer string.
    """

    pattern: "re.Pattern[str]"
    expected: str
    most: int
    place: str = PLACE
    because: str = "as browsers take no more"

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        if not isinstance(value, str):
            raise wrong_type(attribute.name, self.place, self.expected, value)
        if not self.pattern.fullmatch(value):
            raise wrong_value(attribute.name, self.place, self.expected, value)
        if len(value) > self.most:
            expected = f"{self.most} characters or fewer, {self.because}"
            raise wrong_value(attribute.name, self.place, expected, value)

    @property
    def schema(self) -> Mapping[str, Any]:
        return {
            "type": "string",
            "pattern": f"^({self.pattern.pattern})$",
            "maxLength": self.most,
        }


def check_store_item(item: object, attribute: str, place: str) -> None:
    """
    Check that `item` is a mapping with a type; its other options are not looked at.

    :param attribute, place: where it was found, for the message.
    :raises ConfigError: naming the attribute, what was expected, and what was found.
    """
    if not isinstance(item, Mapping):
        example = 'a mapping such as {"type": "lmdb", "path": ".cookies"}'
        raise wrong_type(attribute, place, example, item)
    if not isinstance(store_type := item.get("type", MISSING), str):
        name = 'the name of a store type, such as "lmdb"'
        raise wrong_type(f"{attribute}.type", place, name, store_type)


@frozen
class StoreItem:
    """A `store` item with a type. Its options are the provider's to check."""

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        check_store_item(value, attribute.name, PLACE)

    @property
    def schema(self) -> Mapping[str, Any]:
        properties = {"type": {"type": "string"}}
        return {"type": "object", "required": ["type"], "properties": properties}


@frozen
class Proxies:
    """A list of addresses and networks."""

    def __call__(self, _: object, attribute: "Attribute[Any]", value: object) -> None:
        expected = f'a list of addresses and networks, such as ["::1", "10.0.0.0/8"], and "{UNIX}"'
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise wrong_type(attribute.name, PLACE, expected, value)
        for item in value:
            if not isinstance(item, str):
                raise wrong_type(attribute.name, PLACE, expected, item)
            try:
                TrustedProxies.of([item])
            except ValueError:
                raise wrong_value(attribute.name, PLACE, expected, item) from None

    @property
    def schema(self) -> Mapping[str, Any]:
        address = f"^({UNIX}|[0-9A-Fa-f:.]+(%[^/]+)?(/[0-9.]+)?)$"
        return {"type": "array", "items": {"type": "string", "pattern": address}}
