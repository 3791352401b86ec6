"""A node directory as Crossbar finds and reads it, and the places in it where cookies are kept."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

from cookietrack_plugin.errors import ConfigError

# In the order in which Crossbar looks for them.
CONFIG_FILES = ("config.yaml", "config.json")


@frozen
class Tracking:
    """
    A `cookie` item of the configuration.

    `name`: readable and unique but for mistakes, from Crossbar's own ids of worker and transport
    and the URL path below it (`worker001/transport001/ws`). `cookie`: the item, unchecked.
    `transport`: what it stands in: a transport, a WebSocket path or a path service.
    """

    name: str
    cookie: Any
    transport: Mapping[str, Any]


@frozen
class NodeConfig:
    """`path`: of the configuration file. `directory`: where the node's relative paths begin."""

    path: str
    directory: str
    content: Any

    def tracking(self) -> list[Tracking]:
        """Every place where cookies are tracked, in the order of the file."""
        return list(_tracking(self.content))


def running_pid(directory: str) -> int | None:
    """The process that runs the node in `directory`, by the file that Crossbar leaves for that."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        with open(os.path.join(directory, "node.pid"), encoding="utf-8") as file:
            pid = int(json.load(file)["pid"])
        # After a crash the file is still there, and the number may be somebody else's by now.
        with open(f"/proc/{pid}/cmdline", "rb") as command:
            words = command.read().split(b"\0")
        return pid if any(map(_names_crossbar, words)) else None
    return None


def _names_crossbar(word: bytes) -> bool:
    # The launcher's name, or the title that the node gives itself.
    return os.path.basename(word).startswith(b"crossbar")


def default_directory() -> str:
    """Where Crossbar looks for a node when it is not told."""
    if "CROSSBAR_DIR" in os.environ:
        return os.environ["CROSSBAR_DIR"]
    return ".crossbar" if os.path.isdir(".crossbar") else "."


def read_node(place: str) -> NodeConfig:
    """
    Read a node's configuration.

    :param place: a node directory, a directory with a `.crossbar` in it, or a configuration file.
    :raises ConfigError: there is none, or it cannot be read.
    """
    path = os.path.abspath(_config_file(place))
    return NodeConfig(path, os.path.dirname(path), _read(path))


def _config_file(place: str) -> str:
    if os.path.isfile(place):
        return place
    for directory in (place, os.path.join(place, ".crossbar")):
        for name in CONFIG_FILES:
            if os.path.isfile(path := os.path.join(directory, name)):
                return path
    if not os.path.isdir(place):
        raise ConfigError(
            f"{place!r} is neither a node directory nor a store (TYPE:LOCATION, see"
            " `cookietrack stores`)"
        )
    raise ConfigError(f"no {' or '.join(CONFIG_FILES)} in {os.path.abspath(place)}")


def _read(path: str) -> Any:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        return _parse_yaml(text) if path.endswith(".yaml") else json.loads(text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        cause = " ".join(str(error).split())
        raise ConfigError(f"{path} is no valid configuration: {cause}") from error


def _parse_yaml(text: str) -> Any:
    # Only where it is needed: it takes as long to import as all the rest.
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


# Crossbar's own check says what is wrong with a configuration: here wrong parts are passed over.


def _tracking(content: Any) -> Iterator[Tracking]:
    numbers = _Numbers("worker"), _Numbers("transport")
    for worker in _items(_mapping(content).get("workers")):
        worker_id = numbers[0].id_of(worker)
        # A proxy counts its own transports, from zero; routers share one count, from one.
        is_proxy = worker.get("type") == "proxy"
        transports = _Numbers("transport", 0) if is_proxy else numbers[1]
        if worker.get("type") in ("router", "proxy"):
            for transport in _items(worker.get("transports")):
                yield from _in_transport(f"{worker_id}/{transports.id_of(transport)}", transport)


class _Numbers:
    """The ids that Crossbar gives to items without one."""

    def __init__(self, kind: str, first: int = 1) -> None:
        self._kind = kind
        self._next = first

    def id_of(self, item: Mapping[str, Any]) -> str:
        if "id" in item:
            return str(item["id"])
        self._next += 1
        return f"{self._kind}{self._next - 1:03d}"


def _in_transport(name: str, transport: Mapping[str, Any]) -> Iterator[Tracking]:
    match transport.get("type"):
        case "websocket":
            yield from _in_websocket(name, transport)
        case "web":
            yield from _in_paths(name, transport)
        case "universal":
            for path, item in _mapping(transport.get("websocket")).items():
                yield from _in_websocket(_below(name, path), _mapping(item))
            yield from _in_paths(name, _mapping(transport.get("web")))


def _in_paths(name: str, item: Mapping[str, Any]) -> Iterator[Tracking]:
    for path, service in _mapping(item.get("paths")).items():
        match _mapping(service).get("type"):
            case "websocket":
                yield from _in_websocket(_below(name, path), service)
            case "path":
                yield from _in_paths(_below(name, path), service)


def _in_websocket(name: str, item: Mapping[str, Any]) -> Iterator[Tracking]:
    if "cookie" in item:
        yield Tracking(name, item["cookie"], item)


def _below(name: str, path: Any) -> str:
    return name if path == "/" else f"{name}/{path}"


def _mapping(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _items(found: Any) -> Iterator[Mapping[str, Any]]:
    items = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return (item for item in items if isinstance(item, Mapping))
