"""The WebSocket listeners in a node's configuration whose cookies are tracked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from posixpath import dirname
from typing import Any

from attrs import frozen

from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.errors import ConfigError


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


def cookie_path(tracking: Tracking, settings: CookieSettings) -> str:
    """The path for which browsers keep the cookie (RFC 6265, section 5.1.4: the default path)."""
    return settings.path or dirname("/" + "/".join(tracking.name.split("/")[2:]))


def cookie_names_of(found: Iterable[Tracking]) -> frozenset[str]:
    """The names of these cookies. Wrong `cookie` items are passed over."""
    names = set()
    for tracking in found:
        with suppress(ConfigError):
            names.add(CookieSettings.of(tracking.cookie).name)
    return frozenset(names)


# Crossbar's own check says what is wrong with a configuration: here wrong parts are passed over.


def in_node(content: Any) -> Iterator[Tracking]:
    """Every place of a node's configuration where cookies are tracked, in the order of the file."""
    for name, transport in transports_of(content):
        yield from in_transport(transport, name)


def untracked_in_node(content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every other listener for WAMP, raw sockets too: its name and its item."""
    for name, transport in transports_of(content):
        for place, item in (*_websockets(name, transport), *_raw_sockets(name, transport)):
            if "cookie" not in item:
                yield place, item


def transports_of(content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The transports in a node's configuration, with Crossbar's ids of worker and transport."""
    of_routers = Numbers("transport")
    for worker_id, worker in workers(content):
        # A proxy counts its own transports, from zero; routers share one count, from one.
        is_proxy = worker.get("type") == "proxy"
        transports = Numbers("transport", 0) if is_proxy else of_routers
        if worker.get("type") in ("router", "proxy"):
            for transport in items(worker.get("transports")):
                yield f"{worker_id}/{transports.id_of(transport)}", transport


def workers(content: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The workers in a node's configuration, with Crossbar's ids of them."""
    numbers = Numbers("worker")
    for worker in items(mapping(content).get("workers")):
        yield numbers.id_of(worker), worker


class Numbers:
    """The ids that Crossbar gives to items without one."""

    def __init__(self, kind: str, first: int = 1) -> None:
        self._kind = kind
        self._next = first

    def id_of(self, item: Mapping[str, Any]) -> str:
        if "id" in item:
            return str(item["id"])
        self._next += 1
        return f"{self._kind}{self._next - 1:03d}"


def in_transport(transport: Mapping[str, Any], name: str = "transport") -> Iterator[Tracking]:
    """Every place of a transport where cookies are tracked."""
    for place, item in _websockets(name, transport):
        if "cookie" in item:
            yield Tracking(place, item["cookie"], item)


def _websockets(name: str, transport: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    match transport.get("type"):
        case "websocket":
            yield name, transport
        case "web":
            yield from _in_paths(name, transport)
        case "universal":
            for path, item in mapping(transport.get("websocket")).items():
                yield _below(name, path), mapping(item)
            yield from _in_paths(name, mapping(transport.get("web")))


def _in_paths(name: str, item: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for path, service in mapping(item.get("paths")).items():
        match mapping(service).get("type"):
            case "websocket":
                yield _below(name, path), service
            case "path":
                yield from _in_paths(_below(name, path), service)
            case "cookietrack-guard":
                # It looks up the cookie that a WebSocket gives; behind it may be others.
                yield _below(name, path), service
                behind = {"paths": {"/": mapping(service).get("path")}}
                yield from _in_paths(_below(name, path), behind)


def _raw_sockets(
    name: str, transport: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    match transport.get("type"):
        case "rawsocket":
            yield name, transport
        case "universal":
            yield f"{name}/rawsocket", mapping(transport.get("rawsocket"))


def _below(name: str, path: Any) -> str:
    return name if path == "/" else f"{name}/{path}"


def mapping(found: Any) -> Mapping[str, Any]:
    """What was found, if it is a mapping; else an empty one."""
    return found if isinstance(found, Mapping) else {}


def items(found: Any) -> Iterator[Mapping[str, Any]]:
    """The mappings in a list of a configuration."""
    found = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return (item for item in found if isinstance(item, Mapping))
