"""The path services and the component of this package, from what checks them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import NOTHING, Factory, fields

from cookietrack_plugin.config.components import KEYS as OF_COMPONENT
from cookietrack_plugin.config.guard import GUARD, IDENTITY_HEADERS, GuardSettings
from cookietrack_plugin.config.guardvalues import Mapped
from cookietrack_plugin.config.pathservice import KEYS as OF_EACH
from cookietrack_plugin.router.personalities.standalone import Personality
from tools.site.parts import literal, table

# Of an attribute, in the docstring of its class.
_MEANING = re.compile(r"`(\w+)`: (.*?)(?=[.;] `\w+`: |\.$|\. $)")
_HEAD = ("key", "values", "default", "meaning")
_MEANINGS = {
    "allow.roles": "the roles that are let in",
    "allow.authids": "the users that are let in",
    "allow.realms": "the realms whose users are let in",
    "denied.redirect": "where browsers are sent",
    **{f"headers.{field}": f"the header with the {field}" for field in IDENTITY_HEADERS},
}


def guard(_: Path) -> str:
    """The item of a guard."""
    return table(_HEAD, [*_guards(), *_of_each(GUARD)])


def services(_: Path) -> str:
    """The path services without options."""
    sections = [
        f"## The path service `{name}`\n\n{table(_HEAD, list(_of_each(name)))}"
        for name in own_services()
        if name != GUARD
    ]
    return "\n\n".join(sections)


def own_services() -> list[str]:
    """The types of path services that this package has."""
    known = Personality.WEB_SERVICE_CHECKERS
    return sorted(name for name in known if str(name).startswith("cookietrack-"))


def administration(_: Path) -> str:
    """The `extra` of the component."""
    rows = [(f"`{key}`", "a mapping", "none", text) for key, text in OF_COMPONENT.items()]
    return table(_HEAD, rows)


def _of_each(service: str) -> Iterator[tuple[str, ...]]:
    for key, meaning in OF_EACH.items():
        is_type = key == "type"
        values = literal(service) if is_type else "a string"
        yield f"`{key}`", values, "required" if is_type else "none", meaning


def _guards() -> Iterator[tuple[str, ...]]:
    meanings = dict(_MEANING.findall(" ".join(str(GuardSettings.__doc__).split())))
    for each in fields(GuardSettings):
        values: Any = each.validator
        yield f"`{each.name}`", values.expected, _default(each), meanings[each.name]
        for key, value in values.values.items() if isinstance(values, Mapped) else ():
            name = f"{each.name}.{key}"
            own = literal(IDENTITY_HEADERS[key]) if each.name == "headers" else "none"
            yield f"`{name}`", value.expected, own, _MEANINGS[name]


def _default(attribute: Any) -> str:
    if attribute.default is NOTHING:
        return "required"
    if isinstance(attribute.default, Factory) or attribute.default in (None, ()):  # type: ignore[arg-type]
        return "none"
    return literal(attribute.default)
