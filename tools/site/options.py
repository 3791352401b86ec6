"""The options of each store type, from the declaration that its provider checks with."""

from pathlib import Path

from cookietrack_plugin.config.registry import (
    DISTRIBUTION,
    find_provider,
    installed_types,
    owner,
    registrations,
)
from cookietrack_plugin.stores.kit.options import Option, Options, Text
from tools.site.parts import literal, table


def stores(_: Path) -> str:
    """A table for each type of this package."""
    return "\n\n".join(_section(name) for name in own_types())


def own_types() -> list[str]:
    """The types that this package has, in the order of their names."""
    return [
        name
        for name in installed_types()
        if any(owner(each).startswith(f"{DISTRIBUTION} ") for each in registrations(name))
    ]


def options_of(store_type: str) -> dict[str, Option]:
    """Its options, by name."""
    declared: Options = find_provider(store_type).options  # type: ignore[attr-defined]
    return dict(declared.by_name)


def values(option: Option) -> str:
    """What an option may be."""
    if isinstance(option, Text):
        return f"{option.described}: `{option.pattern.pattern}`"
    return option.expected


def _section(store_type: str) -> str:
    rows = [
        (f"`{name}`", values(option), _default(option), option.meaning)
        for name, option in options_of(store_type).items()
    ]
    summary = find_provider(store_type).summary
    head = ("option", "values", "default", "meaning")
    return f"### `{store_type}`\n\n{summary[:1].upper()}{summary[1:]}.\n\n{table(head, rows)}"


def _default(option: Option) -> str:
    if option.is_required:
        return "required"
    is_whole = isinstance(option.default, float) and option.default.is_integer()
    return literal(int(option.default) if is_whole else option.default)
