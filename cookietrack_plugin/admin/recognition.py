"""Stores by what lies on the disk: a hint to somebody who has named another type, or none."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress

from cookietrack_plugin.config.registry import find_provider, installed_types
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import IRecognizer

# Entries of a directory that are looked at.
_ENTRIES = 200
CONFIGURATIONS = (".json", ".yaml", ".yml")


def names_of(path: str) -> list[str]:
    """TYPE:LOCATION of the store at `path`. None in most cases, several where types cannot tell."""
    # POSIX leaves two slashes at the beginning as they are.
    path = re.sub("^//+", "/", path)
    return list(_names_of(path)) if os.path.exists(path) else []


def names_around(path: str) -> list[str]:
    """The same for the store whose directory has the file `path` in it."""
    # A configuration may lie beside the files of a store, and be meant.
    if not os.path.isfile(path) or path.endswith(CONFIGURATIONS):
        return []
    return names_of(os.path.dirname(path) or ".")


def names_in(directory: str) -> list[str]:
    """The same for what lies in a directory."""
    with suppress(OSError):
        entries = sorted(os.listdir(directory))[:_ENTRIES]
        # Named as they have to be written from here.
        paths = [os.path.normpath(os.path.join(directory, entry)) for entry in entries]
        return [name for path in paths for name in _names_of(path)]
    return []


def hinted(error: str, path: str, but: str | None = None) -> str:
    """An error's text, with how to name the store at `path`, unless its type is `but`."""
    if other := [name for name in names_of(path) if name.partition(":")[0] != but]:
        return _continued(error, f"There is a store of another type: name it {' or '.join(other)}")
    if around := names_around(path):
        return _continued(error, f"It is a file of a store: name it {' or '.join(around)}")
    return error


def _continued(error: str, hint: str) -> str:
    return f"{error}{'' if error.endswith('?') else '.'} {hint}"


def _names_of(path: str) -> Iterator[str]:
    for store_type in installed_types():
        # The driver of a type may be missing, and the path may not be readable.
        with suppress(ConfigError, OSError):
            provider = find_provider(store_type)
            if IRecognizer.providedBy(provider) and (found := provider.recognize(path)) is not None:
                yield f"{store_type}:{found}"
