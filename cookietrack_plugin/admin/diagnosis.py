"""`cookietrack diagnose`: looks for what keeps cookies from being kept, and says what to do."""

from collections.abc import Iterator, Mapping, Sequence
from os.path import dirname, exists
from typing import Any

import click
from attrs import asdict

from cookietrack_plugin.admin.filesystem import check_clock, check_place
from cookietrack_plugin.admin.finding import Finding, error, ok, warning
from cookietrack_plugin.admin.node import NodeConfig, running_pid
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import print_finding, print_json
from cookietrack_plugin.admin.params import json_option, store_argument, transport_option
from cookietrack_plugin.admin.place import Place, chosen, distinct, find_node, places
from cookietrack_plugin.admin.servertime import check_server_time
from cookietrack_plugin.admin.software import check_software
from cookietrack_plugin.admin.text import counted, size
from cookietrack_plugin.config.components import administrations, check_administration
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.settings import check_cookie_item
from cookietrack_plugin.config.sharing import (
    NamedStore,
    check_sharing,
    named_stores,
    sharing_warning,
)
from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreLocked
from cookietrack_plugin.interfaces import ICookieStore

# The share of its limit above which a store is almost full.
ALMOST_FULL = 0.8


@click.command()
@store_argument
@transport_option
@json_option
@click.pass_context
def diagnose(ctx: click.Context, store: str | None, transport: str | None, as_json: bool) -> None:
    """
    Check the installation, a node's configuration, and its stores.

    Prints a line for each check: ok, warning or error. The exit code is 1 where there is an error.
    """
    findings = []
    for finding in _check_all(store, transport):
        findings.append(finding)
        if not as_json:
            print_finding(finding)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    if any(finding.level == "error" for finding in findings):
        ctx.exit(1)


def _check_all(name: str | None, transport: str | None) -> Iterator[Finding]:
    yield from check_software()
    yield check_clock()
    try:
        node = find_node(name)
        found = places(name, transport) if node is None else []
        tracked = chosen(node, transport) if node is not None else []
    except ConfigError as problem:
        yield error("configuration", str(problem))
        return
    if node is not None:
        yield from _check_node(node)
        right = []
        for each in tracked:
            finding = _check_item(each)
            yield finding
            if finding.level == "ok":
                right.append(each)
        yield from _check_components(node)
        found = distinct(node, right)
    for place in found:
        yield from _check_store(place)


def _check_node(node: NodeConfig) -> Iterator[Finding]:
    yield ok("configuration", node.path)
    pid = running_pid(node.directory)
    yield ok("node", "is not running" if pid is None else f"is running (pid {pid})")


def _check_item(tracked: Tracking) -> Finding:
    try:
        check_cookie_item(tracked.cookie)
    except ConfigError as problem:
        return error(tracked.name, str(problem))
    return ok(tracked.name, "its cookie item is right")


def _check_components(node: NodeConfig) -> Iterator[Finding]:
    """Those that administer cookies, wherever they stand: each names a store of the whole node."""
    stores = _right_stores(node.transports())
    for component in administrations(node.content):
        try:
            check_administration(component, stores)
        except ConfigError as problem:
            yield error(component.name, str(problem).removeprefix(f"{component.name}: "))
        else:
            yield ok(component.name, "administers a store that a transport names")


def _right_stores(tracked: Sequence[Tracking]) -> list[NamedStore]:
    return named_stores(each for each in tracked if _check_item(each).level == "ok")


def _check_store(place: Place) -> Iterator[Finding]:
    yield from _check_sharing(place)
    if place.path is not None:
        owner = place.node.directory if place.node else dirname(place.path)
        yield from check_place(place.label, place.path, owner)
    if place.provider.volatile:
        yield ok(place.label, "in each worker's memory: forgotten when the worker stops")
    elif place.path is not None and not exists(place.path):
        yield ok(place.label, "is not there yet, and made when the node starts")
    else:
        yield from _check_content(place)


def _check_sharing(place: Place) -> Iterator[Finding]:
    store = NamedStore(place.options, place.transports)
    try:
        check_sharing(store)
    except ConfigError as problem:
        yield error(place.label, str(problem))
    if (unsafe := sharing_warning(store)) is not None:
        yield warning(place.label, unsafe)


def _check_content(place: Place) -> Iterator[Finding]:
    try:
        with opened(place, "read", "its node has it") as cookies:
            yield from _check_opened(place, cookies)
    except StoreLocked as problem:
        yield ok(place.label, str(problem))
    except CookieTrackError as problem:
        yield error(place.label, str(problem))


def _check_opened(place: Place, cookies: ICookieStore) -> Iterator[Finding]:
    numbers = cookies.stat()
    taken = f"{counted(numbers['cookies'], 'cookie')}, {size(numbers['bytes'])}"
    is_full = numbers["bytes"] > ALMOST_FULL * _limit(place, numbers)
    yield warning(place.label, f"{taken}: raise maxsize") if is_full else ok(place.label, taken)
    yield from check_server_time(place.label, cookies)


def _limit(place: Place, numbers: Mapping[str, Any]) -> float:
    limit = place.options.get("maxsize", numbers.get("maxsize"))
    return limit if isinstance(limit, int) else float("inf")
