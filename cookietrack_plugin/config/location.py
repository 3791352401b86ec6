"""Where a store is, by the option that its provider names as its place."""

import json
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import ConfigError

# Places of these names are in the file system. Others are URLs, names, or what a server takes.
_PATHS = frozenset({"path", "filename", "file", "directory"})


def location_of(options: Mapping[str, Any]) -> tuple[str, str] | None:
    """
    The option that says where the store is, and its value; None where there is no such option, or
    no such type.
    """
    option = place_option(str(options["type"]))
    value = options.get(option) if option else None
    return (option, value) if option and isinstance(value, str) else None


def path_of(options: Mapping[str, Any], directory: str) -> str | None:
    """Where it is in the file system, absolute; None where it is not known to be there."""
    location = location_of(options)
    if location is None or location[0] not in _PATHS:
        return None
    return os.path.abspath(os.path.join(directory, location[1]))


def is_home(options: Mapping[str, Any]) -> bool:
    """Whether it is a path with `~`, which stands for a home directory in a shell alone."""
    location = location_of(options)
    return location is not None and location[0] in _PATHS and location[1].startswith("~")


def place_option(store_type: str) -> str | None:
    """`ICookieStoreProvider.place` of the type; None without one, and of an unknown type."""
    try:
        return _place_option(store_type)
    except ConfigError:
        return None


# Called with each scrape of the metrics.
@cache
def _place_option(store_type: str) -> str | None:
    return find_provider(store_type).place


def item_of(store_type: str, location: str) -> Mapping[str, Any]:
    """
    The store item that TYPE:LOCATION stands for, where LOCATION may be a JSON mapping of options.

    :raises ConfigError: there is no such type, or it has no location.
    """
    if location.startswith("{"):
        return {**_parse_item(location), "type": store_type}
    if location.startswith("//") and place_option(store_type) not in _PATHS:
        raise ConfigError(
            "expected TYPE:LOCATION, found a URL alone: write the type before it, as in"
            " redis:redis://localhost/0 or sql:postgresql://localhost/crossbar"
        )
    option = find_provider(store_type).place
    if option is not None:
        return {"type": store_type, option: location}
    if location:
        raise ConfigError(
            f"a {store_type} store has no location: name it {store_type}: or, with its options,"
            f" {store_type}:'{{\"option\": value, ...}}'"
        )
    return {"type": store_type}


def _parse_item(text: str) -> dict[str, Any]:
    # The text is not shown: it may have a password in it.
    try:
        item: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"the store item is no JSON: {error}") from error
    return item
