"""Which stores the transports of a node name, and whether their workers can share them."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.config.settings import CookieSettings, check_cookie_item
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.wording import naming


@frozen
class NamedStore:
    """A `store` item, and the names of the transports that have it."""

    options: Mapping[str, Any]
    transports: tuple[str, ...]

    @property
    def type(self) -> str:
        """The `store.type`."""
        return str(self.options["type"])

    @property
    def workers(self) -> list[str]:
        """The workers that have it open, sorted."""
        return sorted({name.partition("/")[0] for name in self.transports})


def store_key(options: Mapping[str, Any]) -> str:
    """Equal for `store` items that stand for one open store of a worker."""
    return json.dumps(options, sort_keys=True, default=str)


def named_stores(transports: Iterable[Tracking]) -> list[NamedStore]:
    """
    The distinct stores of these transports.

    :raises ConfigError: a cookie item is wrong, by the name of its transport.
    """
    items: dict[str, Mapping[str, Any]] = {}
    names: dict[str, list[str]] = {}
    for transport in transports:
        with naming(transport.name):
            store = CookieSettings.of(transport.cookie).store
        key = store_key(store)
        items.setdefault(key, store)
        names.setdefault(key, []).append(transport.name)
    return [NamedStore(items[key], tuple(names[key])) for key in items]


def check_transport(transport: Tracking) -> None:
    """
    Check a transport's `cookie` item and the `store` in it. Opens nothing.

    :raises ConfigError: naming the transport, the attribute, what was expected and what was found.
    """
    with naming(transport.name):
        check_cookie_item(transport.cookie)


def check_sharing(store: NamedStore) -> None:
    """
    Check that the workers that name a store can have it open at once.

    :raises ConfigError: they cannot.
    """
    if len(store.workers) > 1 and find_provider(store.type).exclusive:
        raise ConfigError(
            f"expected one worker to name it, as one process at a time can have a {store.type}"
            f" store open, found {', '.join(store.workers)}: use a type that workers share"
        )


def sharing_warning(store: NamedStore) -> str | None:
    """What is unsafe about a store that several workers name; None where nothing is."""
    if len(store.workers) < 2 or not find_provider(store.type).volatile:
        return None
    return (
        f"workers {', '.join(store.workers)} all name it, but each has a memory of its own, and"
        " knows nobody who has logged in on another: use a type that workers share"
    )
