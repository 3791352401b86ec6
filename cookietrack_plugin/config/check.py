"""What a node's configuration alone shows to be wrong with its cookies. Opens nothing."""

from collections.abc import Iterable, Iterator
from typing import Any

from cookietrack_plugin.config import advice, unheeded
from cookietrack_plugin.config.audit import DEFAULT_FILE, AuditSettings
from cookietrack_plugin.config.components import administrations, check_administration
from cookietrack_plugin.config.consoles import check_consoles, console_warnings
from cookietrack_plugin.config.guards import check_guards, guard_warnings, is_guard
from cookietrack_plugin.config.listeners import in_node, untracked_in_node
from cookietrack_plugin.config.location import path_of
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import (
    NamedStore,
    check_places,
    check_sharing,
    check_transport,
    named_stores,
    sharing_warning,
)
from cookietrack_plugin.stores.kit.wording import naming, wrong_value


def check_node(content: Any) -> list[str]:
    """
    Check the cookie items of all transports, the stores that they name, the components that
    administer them, the guards that ask for them, and the consoles behind guards. What is no
    configuration of a node at all is left to Crossbar's own check.

    :returns: warnings, a sentence each: what works, and is unsafe or not what it seems.
    :raises ConfigError: naming the transport or component, what was expected, and what was found.
    """
    transports = list(in_node(content))
    for transport in transports:
        check_transport(transport)
    stores = named_stores(transports)
    for store in stores:
        with naming(_title(store)):
            check_sharing(store)
    check_places(stores)
    for transport in transports:
        with naming(transport.name):
            _check_audit(CookieSettings.of(transport.cookie), stores)
    for component in administrations(content):
        check_administration(component, stores)
    check_guards(content)
    check_consoles(content)
    others = untracked_in_node(content)
    websockets = [each for each in transports if not is_guard(each)]
    return [
        *advice.warnings(websockets, others),
        *unheeded.warnings(content, websockets),
        *_of_stores(stores),
        *guard_warnings(content, transports),
        *console_warnings(content),
    ]


def _check_audit(settings: CookieSettings, stores: Iterable[NamedStore]) -> None:
    """Its file must not be a store's, nor in the directory of one."""
    if settings.audit is None or (path := AuditSettings.of(settings.audit).path("/")) is None:
        return
    for store in stores:
        place = path_of(store.options, "/")
        if place is not None and f"{path}/".startswith(f"{place}/"):
            expected = f"a file that is no part of the store {label_of(store.options)}"
            found = settings.audit.get("filename") or DEFAULT_FILE
            raise wrong_value("filename", "the audit item", expected, found)


def _of_stores(stores: Iterable[NamedStore]) -> Iterator[str]:
    for store in stores:
        if warning := sharing_warning(store):
            yield f"{_title(store)}: {warning}"


def _title(store: NamedStore) -> str:
    return f"{', '.join(store.transports)}: {label_of(store.options)}"
