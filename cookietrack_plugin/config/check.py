"""What a node's configuration alone shows to be wrong with its cookies. Opens nothing."""

from typing import Any

from cookietrack_plugin.config.components import administrations, check_administration
from cookietrack_plugin.config.listeners import in_node
from cookietrack_plugin.config.redaction import label_of
from cookietrack_plugin.config.sharing import (
    check_sharing,
    check_transport,
    named_stores,
    sharing_warning,
)
from cookietrack_plugin.stores.kit.wording import naming


def check_node(content: Any) -> list[str]:
    """
    Check the cookie items of all transports, the stores that they name, and the components that
    administer them. What is no configuration of a node at all is left to Crossbar's own check.

    :returns: warnings, a sentence each: what works, and is not safe.
    :raises ConfigError: naming the transport or component, what was expected, and what was found.
    """
    transports = list(in_node(content))
    for transport in transports:
        check_transport(transport)
    stores = named_stores(transports)
    for store in stores:
        with naming(label_of(store.options)):
            check_sharing(store)
    for component in administrations(content):
        check_administration(component, stores)
    warnings = ((store, sharing_warning(store)) for store in stores)
    return [f"{label_of(store.options)}: {warning}" for store, warning in warnings if warning]
