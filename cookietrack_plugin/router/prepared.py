"""Services that are made before their transport listens."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen


@frozen
class Prepared:
    """A service that was made before its transport listens, for this item of the configuration."""

    config: Mapping[str, Any]
    service: Any


def taken(transport: Any, path: str, config: Mapping[str, Any]) -> Any:
    """Take the service that was made for this path and item; None if there is none."""
    prepared = transport.prepared.get(path)
    # Crossbar gives the items of a configuration an id when it starts them.
    if prepared is None or {**prepared.config, "id": None} != {**config, "id": None}:
        return None
    return transport.prepared.pop(path).service
