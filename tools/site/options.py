"""The options of each store type, as its provider checks them."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cookietrack_plugin.config.registry import (
    DISTRIBUTION,
    find_provider,
    installed_types,
    owner,
    registrations,
)
from tools.site.parts import table

_KINDS = {"str": "a string", "bool": "true, false", "int": "an integer", "float": "a number"}
# What each is for, and what it is if it is left out.
_PURGE = ("begin with an empty store at each start", "`false`")
_WRITER = ("write in a process of its own; false: on a thread of the worker", "`true`")
MEANINGS: dict[str, dict[str, tuple[str, str]]] = {
    "memory": {"max_cookies": ("the most records that it keeps", "`1000000`")},
    "file": {
        "filename": ("the file", "required"),
        "purge_on_startup": _PURGE,
        "writer_process": _WRITER,
    },
    "lmdb": {
        "path": ("the directory of the database", "required"),
        "maxsize": ("the most bytes that it may take", "`137438953472`"),
        "sync": (
            "false: a power cut can lose what was stored last, and damage the store",
            "`true`",
        ),
        "purge_on_startup": _PURGE,
        "writer_process": _WRITER,
    },
    "sql": {
        "url": ("where the database is, as SQLAlchemy writes it", "required"),
        "table": ("the name of its table", "`cookietrack`"),
        "timeout": ("seconds to connect, for a statement, and for a connection of the pool", "`5`"),
        "pool_size": ("the most connections of one worker", "`5`"),
    },
    "redis": {
        "url": ("where the server, the sentinels or the cluster are", "required"),
        "prefix": ("what all keys begin with", "`cookietrack`"),
        "timeout": ("seconds to connect, and for every answer", "`5`"),
        "replicas": ("how many replicas have to have a commit before it counts", "`0`"),
        "partitions": ("over how many slots of a cluster the records are spread", "`1`"),
    },
    "database": {
        "path": ("the directory of the database", "required"),
        "maxsize": ("the most bytes that it may take", "Crossbar's"),
        "readonly": ("open it for reading alone", "`false`"),
        "sync": ("flush each transaction to the disk", "`true`"),
        "purge_on_startup": _PURGE,
    },
}


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


def options_of(store_type: str) -> dict[str, str]:
    """The name and the Python type of each option that the provider's `check` knows."""
    source = textwrap.dedent(inspect.getsource(find_provider(store_type).check))
    tree = ast.parse(source)
    local = {
        node.targets[0].id: node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    [call] = [node for node in ast.walk(tree) if _is_check(node)]
    arguments = [*call.args[1:], *(each.value for each in call.keywords)]
    return dict(pair for each in arguments for pair in _pairs(each, local))


def _is_check(node: ast.AST) -> Any:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check_options"


def _pairs(node: ast.AST, local: dict[str, Any]) -> Iterator[tuple[str, str]]:
    mapping = local[node.id] if isinstance(node, ast.Name) else node
    for key, value in zip(mapping.keys, mapping.values, strict=True):
        yield key.value, value.id


def _section(store_type: str) -> str:
    rows = [
        (f"`{name}`", _KINDS[kind], *reversed(MEANINGS[store_type][name]))
        for name, kind in options_of(store_type).items()
    ]
    summary = find_provider(store_type).summary
    head = ("option", "values", "default", "meaning")
    return f"### `{store_type}`\n\n{summary[:1].upper()}{summary[1:]}.\n\n{table(head, rows)}"
