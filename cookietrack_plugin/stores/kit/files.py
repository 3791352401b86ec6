"""The files that a store at a path consists of, and the durability of their names."""

import os
from collections.abc import Iterable
from contextlib import suppress


def files_of(path: str) -> list[str]:
    """
    What a store at `path` consists of: itself, and what is directly in it.

    :raises PermissionError: this user cannot see it.
    """
    if not os.path.isdir(path):
        return [path]
    return [path, *(entry.path for entry in os.scandir(path))]


def flush_directory(path: str) -> None:
    """
    Make what was created, renamed or removed in the directory `path` survive a power cut: flushing
    a file does not flush its name (fsync(2)).

    :raises OSError: it cannot be flushed.
    """
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def files_beside(path: str) -> list[str]:
    """Files that a store makes beside its own, such as a lock: their names begin with its name."""
    directory, name = os.path.split(path)
    with suppress(OSError):
        entries = os.scandir(directory)
        return [entry.path for entry in entries if entry.name.startswith((f"{name}.", f"{name}-"))]
    return []


def named_shortly(path: str, files: Iterable[str]) -> list[str]:
    """
    The files of a store for a command with `-R`: the store at `path` for itself and all in it, and
    what lies beside it. What lies elsewhere is left out.
    """
    files = set(files)
    inside = [path] * any(f"{each}/".startswith(f"{path}/") for each in files)
    return [*inside, *sorted(files.intersection(files_beside(path)))]
