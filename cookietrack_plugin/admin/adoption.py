"""What a node needs in order to open the store that `migrate` has filled: a `store` item."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from os.path import dirname
from typing import Any

from attrs import frozen

from cookietrack_plugin.admin.node import NodeConfig, default_directory, read_node
from cookietrack_plugin.admin.place import Place, distinct
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.redaction import HIDDEN, redact_options


@frozen
class Adoption:
    """
    `item`: the `store` item with which a node opens the store, without what may be secret.
    `config`: the configuration file of the node, None where no node is known. `opens`: the stores
    that it opens now, and `is_configured`: whether the new one is among them.
    """

    item: Mapping[str, Any]
    config: str | None = None
    opens: tuple[str, ...] = ()
    is_configured: bool = False

    @classmethod
    def of(cls, origin: Place, goal: Place) -> "Adoption":
        """For a migration from `origin` to `goal`."""
        for node in _nodes(origin, goal):
            with suppress(ConfigError):
                if stores := distinct(node, node.transports()):
                    opened = any(each.identity == goal.identity for each in stores)
                    labels = tuple(each.label for each in stores)
                    item = redact_options(goal.item(node.directory))
                    return cls(item, node.path, labels, opened)
        return cls(redact_options(goal.item(None)))

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"store": self.item, "config": self.config, "configured": self.is_configured}

    def as_fields(self) -> dict[str, str]:
        """For a person: what to paste."""
        return {"store item": json.dumps(self.item)}

    def warnings(self) -> Iterator[str]:
        """What is left to do."""
        if HIDDEN in json.dumps(self.item):
            yield f"{HIDDEN} in the store item stands for what may be secret"
        if self.config is not None and not self.is_configured:
            yield (
                f"{self.config} opens {', '.join(self.opens)}, and not TO: put the store item above"
                " into it before you start the node, or all clients must log in again"
            )


def _nodes(origin: Place, goal: Place) -> Iterator[NodeConfig]:
    """The node that one of them was named by; else those that may be meant."""
    if (named := origin.node or goal.node) is not None:
        yield goal.node or named
        return
    beside = [dirname(each.disk_path) for each in (origin, goal) if each.disk_path]
    for directory in (*beside, default_directory()):
        with suppress(ConfigError):
            yield read_node(directory)
