"""Where a store is, by the option that its provider names as its place."""

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
