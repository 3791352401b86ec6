"""`cookietrack stores`: the store types that are installed, and why one cannot be used."""

from typing import Any

import click

from cookietrack_plugin.admin.output import print_json, print_table
from cookietrack_plugin.admin.params import json_option
from cookietrack_plugin.config.registry import find_provider, installed_types, registrations
from cookietrack_plugin.errors import ConfigError


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
    else:
        print_table(("TYPE", "AVAILABLE", "FROM", "WHAT IT IS"), map(_as_row, types))


def describe(store_type: str) -> dict[str, Any]:
    """
    A registered type: what its provider says of it (see `ICookieStoreProvider`), or the `reason`
    why it cannot be used.
    """
    dists = [entry.dist for entry in registrations(store_type) if entry.dist]
    owners = [{"distribution": dist.name, "version": dist.version} for dist in dists]
    found = {"type": store_type, "from": owners}
    try:
        provider = find_provider(store_type)
    except ConfigError as error:
        return {**found, "available": False, "reason": str(error)}
    said = {name: getattr(provider, name) for name in ("volatile", "exclusive", "place")}
    return {**found, "available": True, "summary": str(provider.summary), **said}


def _as_row(found: dict[str, Any]) -> tuple[str, ...]:
    owners = ", ".join(f"{each['distribution']} {each['version']}" for each in found["from"])
    if found["available"]:
        return found["type"], "yes", owners, found["summary"]
    return found["type"], "no", owners, found["reason"]
