"""Where in a node's configuration cookies are tracked, by the names of the transports."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

Item = Mapping[str, Any]


@frozen
class TrackedTransport:
    """
    A transport with a `cookie` item, or a WebSocket path or path service of one.

    `name`: readable and unique but for mistakes, from Crossbar's ids of worker and transport and
    the URL path below it (`worker001/transport001/ws`). `cookie`: the item, unchecked. `transport`:
    what it stands in.
    """

    name: str
    cookie: Any
    transport: Item

    @property
    def worker(self) -> str:
        """The id of its worker."""
        return self.name.partition("/")[0]


# Crossbar's own check says what is wrong with a configuration: here wrong parts are passed over.


def tracked_transports(content: Any) -> Iterator[TrackedTransport]:
    """Every place of a node's configuration with a `cookie` item, in order."""
    of_routers = Numbers("transport")
    for worker_id, worker in workers(content):
        kind = worker.get("type")
        if kind not in ("router", "proxy"):
            continue
        # A proxy counts its own transports, from zero; routers share one count, from one.
        numbers = Numbers("transport", 0) if kind == "proxy" else of_routers
        for transport in items(worker.get("transports")):
            yield from _in_transport(f"{worker_id}/{numbers.id_of(transport)}", transport)


def workers(content: Any) -> Iterator[tuple[str, Item]]:
    """The workers of a node's configuration, with the ids that Crossbar knows them by."""
    numbers = Numbers("worker")
    for worker in items(_mapping(content).get("workers")):
        yield numbers.id_of(worker), worker


class Numbers:
    """The ids that Crossbar gives to items without one."""

    def __init__(self, kind: str, first: int = 1) -> None:
        self._kind = kind
        self._next = first

    def id_of(self, item: Item) -> str:
        if "id" in item:
            return str(item["id"])
        self._next += 1
        return f"{self._kind}{self._next - 1:03d}"


def items(found: Any) -> Iterator[Item]:
    """The mappings in a list of a configuration."""
    found = found if isinstance(found, Sequence) and not isinstance(found, str) else ()
    return (item for item in found if isinstance(item, Mapping))


def _in_transport(name: str, transport: Item) -> Iterator[TrackedTransport]:
    match transport.get("type"):
        case "websocket":
            yield from _in_websocket(name, transport)
        case "web":
            yield from _in_paths(name, transport)
        case "universal":
            for path, item in _mapping(transport.get("websocket")).items():
                yield from _in_websocket(_below(name, path), _mapping(item))
            yield from _in_paths(name, _mapping(transport.get("web")))


def _in_paths(name: str, item: Item) -> Iterator[TrackedTransport]:
    for path, service in _mapping(item.get("paths")).items():
        match _mapping(service).get("type"):
            case "websocket":
                yield from _in_websocket(_below(name, path), service)
            case "path":
                yield from _in_paths(_below(name, path), service)


def _in_websocket(name: str, item: Item) -> Iterator[TrackedTransport]:
    if "cookie" in item:
        yield TrackedTransport(name, item["cookie"], item)


def _below(name: str, path: Any) -> str:
    return name if path == "/" else f"{name}/{path}"


def _mapping(found: Any) -> Item:
    return found if isinstance(found, Mapping) else {}
