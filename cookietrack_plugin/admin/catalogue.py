"""`cookietrack stores`: the store types that are installed, and why one cannot be used."""

from typing import Any

import click

from cookietrack_plugin.admin.output import print_json, print_table
from cookietrack_plugin.admin.params import json_option
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.registry import find_provider, installed_types, owner, registrations


@click.command()
@json_option
def stores(as_json: bool) -> None:
    """
    List the store types that are installed.

    With the distribution that each comes from, whether it can be used and if not, why.
    """
    types = [describe(store_type) for store_type in installed_types()]
    if as_json:
        print_json(types)
        return
    print_table(
        ("TYPE", "AVAILABLE", "FROM", "WHAT IT IS"),
        (
            (each["type"], "yes" if each["available"] else "no", each["from"], _about(each))
            for each in types
        ),
    )


def describe(store_type: str) -> dict[str, Any]:
    """What there is to say about a registered type; `reason`: why it cannot be used."""
    owners = sorted(owner(entry) for entry in registrations(store_type))
    found = {"type": store_type, "from": ", ".join(owners)}
    try:
        summary = find_provider(store_type).summary
    except ConfigError as error:
        return {**found, "available": False, "reason": str(error)}
    return {**found, "available": True, "summary": str(summary)}


def _about(found: dict[str, Any]) -> str:
    return str(found["summary"] if found["available"] else found["reason"])
