"""How an operator names a store: by node directory, or as TYPE:LOCATION."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from cookietrack_plugin.admin.node import NodeConfig, default_directory, read_node, running_pid
from cookietrack_plugin.admin.recognition import hinted
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.location import item_of, path_of
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.sharing import named_stores
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import ICookieStoreProvider
from cookietrack_plugin.stores.kit.options import PLACE as STORE_ITEM

_SQLITE = re.compile(r"(?P<scheme>sqlite(\+\w+)?:///)(?P<file>[^?]+)(?P<rest>.*)")
_DESCRIBED = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*:")


@frozen
class Place:
    """
    A store, not opened yet.

    `options`: its `store` item. `directory`: where relative paths begin. `transports`: the names of
    those that use it, none where it was named as TYPE:LOCATION. `node`: the node that it was named
    by, or whose directory TYPE:LOCATION is relative to.
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
    def provider(self) -> ICookieStoreProvider:
        """The provider of its type; raises ConfigError without one."""
        return find_provider(self.type)

    @property
    def label(self) -> str:
        """TYPE:LOCATION for people, with an absolute path and without what may be secret."""
        return label_of(self.options, self.directory)

    @property
    def path(self) -> str | None:
        """Where it is in the file system, absolute; None where it is not known to be there."""
        return path_of(self.options, self.directory)

    @property
    def disk_path(self) -> str | None:
        """Where its bytes are: `path`, or the file of an SQLite URL; None without a file."""
        if (path := self.path) is not None:
            return path
        url = _SQLITE.match(str(self.options.get("url")))
        return os.path.abspath(os.path.join(self.directory, url["file"])) if url else None

    @property
    def identity(self) -> Any:
        """Equal for names of one store, by whichever way they lead there."""
        path = self.disk_path
        return os.path.realpath(path) if path is not None else dict(self.options)

    def item(self, directory: str | None) -> Mapping[str, Any]:
        """
        The `store` item that opens it from `directory`; None for any directory.

        A relative path stays as it is where it begins in that directory.
        """
        option, path = find_provider(self.type).place, self.disk_path
        if option is None or path is None or directory == self.directory:
            return self.options
        return self._item_at(option, path)

    def moved(self, path: str) -> "Place":
        """The same store in another file or directory; only for one with a `disk_path`."""
        option = find_provider(self.type).place
        return self if option is None else evolve(self, options=self._item_at(option, path))

    def _item_at(self, option: str, path: str) -> Mapping[str, Any]:
        url = _SQLITE.match(str(self.options[option]))
        place = path if url is None else f"{url['scheme']}{path}{url['rest']}"
        return {**self.options, option: place}

    def worded(self, error: Exception) -> str:
        """An error's text, in which the option that TYPE:LOCATION has set is called LOCATION."""
        option = find_provider(self.type).place
        if self.transports or set(self.options) != {"type", option}:
            return str(error)
        return re.sub(f'"{option}"( in {STORE_ITEM})?', "LOCATION", str(error))

    def running_pid(self) -> int | None:
        """The process of the node that uses the store, so far as that can be known."""
        if self.node is not None and self.transports:
            return running_pid(self.node.directory)
        return None if self.disk_path is None else running_pid(os.path.dirname(self.disk_path))


def places(
    name: str | None,
    transport: str | None = None,
    base: NodeConfig | None = None,
    cbdir: str | None = None,
) -> list[Place]:
    """
    The distinct stores that `name` stands for: those of a node, or the one that TYPE:LOCATION says.

    :param name: None for the node directory that Crossbar would take.
    :param base: reads a relative LOCATION as this node would; None: from the current directory.
    :param transport: only that of this transport, or of those below this worker or path.
    :param cbdir: see `find_node`.
    :raises ConfigError: there is no such node, transport or store type, or a store item is wrong.
    """
    if (node := find_node(name, cbdir)) is not None:
        return distinct(node, chosen(node, transport))
    if transport is not None:
        raise ConfigError("--transport chooses in a node directory, not in TYPE:LOCATION")
    if cbdir is not None and base is None:
        raise ConfigError("--cbdir goes with a node's configuration, not with TYPE:LOCATION")
    store_type, location = str(name).split(":", 1)
    directory = os.getcwd() if base is None else base.directory
    try:
        return [Place(item_of(store_type, location), directory, node=base)]
    except ConfigError as error:
        url = _SQLITE.match(str(name))
        path = os.path.join(directory, url["file"] if url else location)
        raise type(error)(hinted(str(error), path)) from error


def find_node(name: str | None, cbdir: str | None = None) -> NodeConfig | None:
    """
    The node that `name` stands for, None where it is TYPE:LOCATION.

    :param cbdir: its directory, if its configuration lies elsewhere; `name` may be None then.
    :raises ConfigError: there is no such node.
    """
    if name is not None and _DESCRIBED.match(name):
        return None
    if name is None:
        return read_node(cbdir or default_directory())
    node = read_node(name)
    return evolve(node, directory=os.path.abspath(cbdir)) if cbdir else node


def node_among(names: Sequence[str], cbdir: str | None = None) -> NodeConfig | None:
    """
    The first node that one of `names` stands for: a relative LOCATION among them is read by it.

    :param cbdir: see `find_node`.
    :raises ConfigError: there is no such node, or not one alone for `cbdir` to be the directory of.
    """
    nodes = [node for name in names if (node := find_node(name, cbdir)) is not None]
    if cbdir is not None and len(nodes) != 1:
        found = len(nodes) or "none"
        raise ConfigError(f"--cbdir: expected one node among the names, found {found}")
    return nodes[0] if nodes else None


def chosen(node: NodeConfig, transport: str | None) -> Sequence[Tracking]:
    """
    Where the node tracks cookies: on `transport` alone, if it is given, and what is below it.

    :raises ConfigError: nowhere.
    """
    tracked = node.transports()
    if not tracked:
        raise ConfigError(f"no transport in {node.path} has a cookie item")
    if transport is None:
        return tracked
    found = [each for each in tracked if f"{each.name}/".startswith(f"{transport}/")]
    if not found:
        names = ", ".join(each.name for each in tracked)
        raise ConfigError(f"--transport: expected one of {names}, found {transport!r}")
    return found


def distinct(node: NodeConfig, tracked: Sequence[Tracking]) -> list[Place]:
    """
    The stores of these transports. As in the router, those with the same store item share one.

    :raises ConfigError: a cookie item is wrong.
    """
    return [
        Place(store.options, node.directory, store.transports, node)
        for store in named_stores(tracked)
    ]
