"""Stores by what lies on the disk: a hint to somebody who has named another type, or none."""

import os
from collections.abc import Iterator
from contextlib import suppress

from cookietrack_plugin.config.registry import find_provider, installed_types
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import IRecognizer

# Of a directory, more entries than this are not looked at.
_ENTRIES = 200


def names_of(path: str) -> list[str]:
    """TYPE:LOCATION of the store at `path`. None in most cases, several where types cannot tell."""
    return list(_names_of(path)) if os.path.exists(path) else []


def names_in(directory: str) -> list[str]:
    """The same for what lies in a directory."""
    with suppress(OSError):
        entries = sorted(os.listdir(directory))[:_ENTRIES]
        # Named as they have to be written from here.
        paths = [os.path.normpath(os.path.join(directory, entry)) for entry in entries]
        return [name for path in paths for name in _names_of(path)]
    return []


def hinted(told: str, path: str, but: str | None = None) -> str:
    """An error's text, with how to name what is at `path`, unless that is a store of `but`."""
    other = [name for name in names_of(path) if name.partition(":")[0] != but]
    if not other:
        return told
    stop = "" if told.endswith("?") else "."
    return f"{told}{stop} What is there is a store that is named {' or '.join(other)}"


def _names_of(path: str) -> Iterator[str]:
    for store_type in installed_types():
        # Of a type whose driver is missing nothing can be said, nor of what cannot be read.
        with suppress(ConfigError, OSError):
            provider = find_provider(store_type)
            if IRecognizer.providedBy(provider) and (found := provider.recognize(path)) is not None:
                yield f"{store_type}:{found}"
