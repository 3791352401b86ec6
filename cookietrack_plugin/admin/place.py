"""How an operator names a store: by node directory, or as TYPE:LOCATION."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import field, frozen

from cookietrack_plugin.admin.node import NodeConfig, default_directory, read_node, running_pid
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import ICookieStoreProvider

# The option that a LOCATION stands for. A third party's type is tried with each of them.
LOCATIONS = {"file": "filename", "lmdb": "path", "database": "path", "sql": "url", "redis": "url"}
# In the worker's memory alone.
VOLATILE = "memory"
# One process at a time can use it.
ALONE = "file"
# Crossbar's own: it can be read, and not be altered, as it keeps values of which we have the ids.
FOREIGN = "database"

_DESCRIBED = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*:")
_PASSWORD = re.compile(r"(://[^:/@]*):[^/]*@")


@frozen
class Place:
    """
    A store, not opened yet.

    `options`: its `store` item. `directory`: where relative paths begin. `transports`: the names of
    those that use it, and `node` their node; none where it was named as TYPE:LOCATION.
    """

    options: Mapping[str, Any]
    directory: str
    transports: tuple[str, ...] = ()
    node: NodeConfig | None = field(default=None, repr=False)

    @property
    def type(self) -> str:
        """The `store.type`."""
        return str(self.options["type"])

    @property
    def label(self) -> str:
        """TYPE:LOCATION, for people: without a password."""
        if self.path is not None:
            return f"{self.type}:{self.path}"
        location = next(
            (self.options[key] for key in LOCATIONS.values() if key in self.options), ""
        )
        return f"{self.type}:" + _PASSWORD.sub(r"\1:***@", str(location))

    @property
    def path(self) -> str | None:
        """Where it lies in the file system, absolute; None where that is not known."""
        for key in ("path", "filename"):
            if isinstance(found := self.options.get(key), str):
                return os.path.abspath(os.path.join(self.directory, found))
        return None

    def running_pid(self) -> int | None:
        """The process of the node that uses the store, so far as that can be told."""
        directory = self.node.directory if self.node else os.path.dirname(self.path or "")
        return running_pid(directory) if directory else None


def places(name: str | None, transport: str | None = None) -> list[Place]:
    """
    The distinct stores that `name` stands for: those of a node, or the one that TYPE:LOCATION says.

    :param name: None for the node directory that Crossbar would take.
    :param transport: only that of this transport, or of those below this worker or path.
    :raises ConfigError: there is no such node, transport or store type, or a store item is wrong.
    """
    if (node := find_node(name)) is not None:
        return distinct(node, chosen(node, transport))
    if transport is not None:
        raise ConfigError("--transport chooses in a node directory, not in TYPE:LOCATION")
    store_type, location = str(name).split(":", 1)
    return [_described(store_type, location)]


def find_node(name: str | None) -> NodeConfig | None:
    """
    The node that `name` stands for, None where it is TYPE:LOCATION.

    :raises ConfigError: there is no such node.
    """
    if name is not None and _DESCRIBED.match(name):
        return None
    return read_node(default_directory() if name is None else name)


def chosen(node: NodeConfig, transport: str | None) -> Sequence[Tracking]:
    """
    Where the node tracks cookies: on `transport` alone, if it is given, and what is below it.

    :raises ConfigError: nowhere.
    """
    tracking = node.tracking()
    if not tracking:
        raise ConfigError(f"no transport in {node.path} has a cookie item")
    if transport is None:
        return tracking
    found = [each for each in tracking if f"{each.name}/".startswith(f"{transport}/")]
    if not found:
        names = ", ".join(each.name for each in tracking)
        raise ConfigError(f"no cookies are tracked on transport {transport!r}, but on {names}")
    return found


def distinct(node: NodeConfig, tracking: Sequence[Tracking]) -> list[Place]:
    """
    The stores of these places. As in the router, those with the same store item share one.

    :raises ConfigError: a cookie item is wrong.
    """
    items: dict[str, Mapping[str, Any]] = {}
    names: dict[str, list[str]] = {}
    for each in tracking:
        store = CookieSettings.of(each.cookie).store
        key = json.dumps(store, sort_keys=True, default=str)
        items[key] = store
        names.setdefault(key, []).append(each.name)
    return [Place(items[key], node.directory, tuple(names[key]), node) for key in items]


def _described(store_type: str, location: str) -> Place:
    directory = os.getcwd()
    if location.startswith("{"):
        return Place({**_parse_item(location), "type": store_type}, directory)
    if store_type == VOLATILE:
        return Place({"type": store_type}, directory)
    provider = find_provider(store_type)
    if store_type in LOCATIONS:
        return Place({"type": store_type, LOCATIONS[store_type]: location}, directory)
    return Place(_guessed(provider, store_type, location), directory)


def _guessed(provider: ICookieStoreProvider, store_type: str, location: str) -> Mapping[str, Any]:
    first: ConfigError | None = None
    for key in dict.fromkeys(LOCATIONS.values()):
        options = {"type": store_type, key: location}
        try:
            provider.check(options)
        except ConfigError as error:
            first = first or error
        else:
            return options
    raise ConfigError(
        f"store type {store_type!r} takes more than a location: write its store item as"
        f" {store_type}:'{{\"option\": value, ...}}' ({first})"
    ) from first


def _parse_item(text: str) -> dict[str, Any]:
    try:
        item: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"the store item {text!r} is no JSON: {error}") from error
    return item
