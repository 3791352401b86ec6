"""Which stores the transports of a node name, and whether their workers can share them."""

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any

from attrs import frozen

from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.location import location_of, path_of
from cookietrack_plugin.config.redaction import label_of
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


def store_digest(options: Mapping[str, Any]) -> str:
    """The same without what may be secret in them: a name that others may see."""
    return sha256(store_key(options).encode()).hexdigest()


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


def check_places(stores: Iterable[NamedStore]) -> None:
    """
    Check that no two of these distinct items name one place.

    :raises ConfigError: they do, so that one store would be open twice.
    """
    seen: dict[tuple[Any, ...], NamedStore] = {}
    for store in stores:
        place = _place_of(store.options)
        if place is None:
            continue
        other = seen.setdefault(place, store)
        if other is not store:
            raise ConfigError(
                f"{store.transports[0]}: expected the same store item as in {other.transports[0]},"
                f" which names {label_of(store.options)} too, found other options"
            )


def _place_of(options: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """
    Equal for items of one place; None where there is no place. On a server it is the URL with all
    other names, such as a table or a prefix: what they mean only the store knows.
    """
    if location_of(options) is None:
        return None
    if (path := path_of(options, "/")) is not None:
        return options["type"], path
    names = {name: value for name, value in options.items() if isinstance(value, str)}
    return tuple(sorted(names.items()))


def sharing_warning(store: NamedStore) -> str | None:
    """What is unsafe about a store that several workers name; None where nothing is."""
    if len(store.workers) < 2 or not find_provider(store.type).volatile:
        return None
    return (
        f"workers {', '.join(store.workers)} all name it, but each has a memory of its own, and"
        " knows nobody who has logged in on another: use a type that workers share"
    )
