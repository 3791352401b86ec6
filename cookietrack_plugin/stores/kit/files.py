"""Which files a store at a path consists of."""

import os
from contextlib import suppress


def files_of(path: str) -> list[str]:
    """
    What a store at `path` consists of: itself, and what is directly in it.

    :raises PermissionError: this user cannot see it.
    """
    if not os.path.isdir(path):
        return [path]
    return [path, *(entry.path for entry in os.scandir(path))]


def files_beside(path: str) -> list[str]:
    """Files that a store makes beside its own, such as a lock: their names begin with its name."""
    directory, name = os.path.split(path)
    with suppress(OSError):
        entries = os.scandir(directory)
        return [entry.path for entry in entries if entry.name.startswith((f"{name}.", f"{name}-"))]
    return []
