"""The components of a node's configuration that administer cookies over WAMP, checked."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from cookietrack_plugin.config.listeners import Numbers, items, workers
from cookietrack_plugin.config.registry import find_provider, keeps_records
from cookietrack_plugin.config.sharing import NamedStore, store_key
from cookietrack_plugin.config.validators import check_store_item
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.stores.kit.redaction import redact_options
from cookietrack_plugin.stores.kit.wording import naming, unknown_attribute, wrong, wrong_type

CLASSNAME = "cookietrack_plugin.router.component.CookieAdministration"
PLACE = 'the "extra" of CookieAdministration'
# What each key is for.
KEYS: Mapping[str, str] = {
    "store": "a `store` item of a transport of the node; needed unless its worker has just one",
}


@frozen
class Administration:
    """
    A component of class `CookieAdministration`.

    `name`: Crossbar's ids of its worker and of itself (`worker001/component001`). `worker`: the
    former alone. `extra`: its item, unchecked.
    """

    name: str
    worker: str
    extra: Any


def administrations(content: Any) -> Iterator[Administration]:
    """Those in a node's configuration, in router and container workers."""
    numbers = Numbers("component")
    for worker_id, worker in workers(content):
        if worker.get("type") not in ("router", "container"):
            continue
        for component in items(worker.get("components")):
            name = f"{worker_id}/{numbers.id_of(component)}"
            if (component.get("type"), component.get("classname")) == ("class", CLASSNAME):
                yield Administration(name, worker_id, component.get("extra", {}))


def check_extra(extra: Any) -> Mapping[str, Any] | None:
    """
    Check the `extra` of a component by itself.

    :returns: the `store` item in it, None without one.
    :raises ConfigError: naming the attribute, what was expected, and what was found.
    """
    if not isinstance(extra, Mapping):
        raise wrong_type("extra", "CookieAdministration", 'a mapping with a "store"', extra)
    for name in extra:
        # Crossbar adds the node's directory when it starts the component.
        if name not in (*KEYS, "cbdir"):
            raise unknown_attribute(name, PLACE, KEYS)
    if "store" not in extra:
        return None
    options: Mapping[str, Any] = extra["store"]
    check_store_item(options, "store", PLACE)
    find_provider(options["type"]).check(options)
    _check_type(options["type"])
    return options


def check_administration(component: Administration, stores: Sequence[NamedStore]) -> None:
    """
    Check a component within its node.

    :param stores: those that the transports of the node name.
    :raises ConfigError: naming the component; where its store is that of no transport, with those
        that there are.
    """
    with naming(component.name):
        _check_access(_store_of(component, stores), component.worker)


def _store_of(component: Administration, stores: Sequence[NamedStore]) -> NamedStore:
    options = check_extra(component.extra)
    if options is None:
        return _only_store(component.worker, stores)
    for store in stores:
        if store_key(store.options) == store_key(options):
            return store
    raise wrong("store", PLACE, _listed(stores), f"{_shown(options)}, which no transport names")


def _only_store(worker: str, stores: Sequence[NamedStore]) -> NamedStore:
    own = [store for store in stores if worker in store.workers]
    if len(own) == 1:
        return own[0]
    found = f"nothing, where the transports of {worker} name {len(own)} stores"
    raise wrong("store", PLACE, _listed(own or stores), found)


def _check_type(store_type: str) -> None:
    if not keeps_records(find_provider(store_type)):
        raise wrong("store", PLACE, "a type whose cookies this plugin tracks", f'"{store_type}"')


def _check_access(store: NamedStore, worker: str) -> None:
    _check_type(store.type)
    provider = find_provider(store.type)
    if worker not in store.workers and (provider.volatile or provider.exclusive):
        raise ConfigError(
            f"expected the component in worker {' or '.join(store.workers)}, which has the"
            f" {store.type} store to itself, found it in {worker}"
        )


def _listed(stores: Sequence[NamedStore]) -> str:
    if not stores:
        return "a store that a transport of the node names, of which there is none"
    each = [f"{_shown(store.options)} ({', '.join(store.transports)})" for store in stores]
    return " or ".join(each)


def _shown(options: Mapping[str, Any]) -> str:
    return json.dumps(redact_options(options), default=str)
