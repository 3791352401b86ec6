"""`cookietrack diagnose`: looks for what keeps cookies from being kept, and says what to do."""

from collections.abc import Iterator, Mapping
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
from cookietrack_plugin.admin.place import (
    ALONE,
    VOLATILE,
    Place,
    chosen,
    distinct,
    find_node,
    places,
)
from cookietrack_plugin.admin.software import check_software
from cookietrack_plugin.admin.text import counted, size
from cookietrack_plugin.config.listeners import Tracking
from cookietrack_plugin.config.settings import check_cookie_item
from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreLocked

# Of its limit, what a store may have taken before somebody should know.
ALMOST = 0.8


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
        tracking = chosen(node, transport) if node is not None else []
    except ConfigError as problem:
        yield error("configuration", str(problem))
        return
    if node is not None:
        yield from _check_node(node)
        good = []
        for each in tracking:
            finding = _check_item(each)
            yield finding
            if finding.level == "ok":
                good.append(each)
        found = distinct(node, good)
    for place in found:
        yield from _check_store(place)


def _check_node(node: NodeConfig) -> Iterator[Finding]:
    yield ok("configuration", node.path)
    pid = running_pid(node.directory)
    yield ok("node", "is not running" if pid is None else f"is running (pid {pid})")


def _check_item(tracking: Tracking) -> Finding:
    try:
        check_cookie_item(tracking.cookie)
    except ConfigError as problem:
        return error(tracking.name, str(problem))
    return ok(tracking.name, "its cookie item is right")


def _check_store(place: Place) -> Iterator[Finding]:
    yield from _check_sharing(place)
    if place.path is not None:
        owner = place.node.directory if place.node else dirname(place.path)
        yield from check_place(place.label, place.path, owner)
    if place.type == VOLATILE:
        yield ok(place.label, "in each worker's memory: forgotten when the worker stops")
    elif place.path is not None and not exists(place.path):
        yield ok(place.label, "is not there yet, and made when the node starts")
    else:
        yield from _check_content(place)


def _check_sharing(place: Place) -> Iterator[Finding]:
    workers = sorted({name.partition("/")[0] for name in place.transports})
    if len(workers) < 2:
        return
    shared = f"workers {', '.join(workers)} all name it"
    if place.type == VOLATILE:
        yield warning(place.label, f"{shared}, but each has a memory of its own: use another type")
    elif place.type == ALONE:
        yield error(place.label, f"{shared}, but one alone can use a file: use `lmdb`")


def _check_content(place: Place) -> Iterator[Finding]:
    try:
        with opened(place, "read", "its node has it") as cookies:
            numbers = cookies.stat()
    except StoreLocked as problem:
        yield ok(place.label, str(problem))
    except CookieTrackError as problem:
        yield error(place.label, str(problem))
    else:
        taken = f"{counted(numbers['cookies'], 'cookie')}, {size(numbers['bytes'])}"
        is_full = numbers["bytes"] > ALMOST * _limit(place, numbers)
        yield warning(place.label, f"{taken}: raise maxsize") if is_full else ok(place.label, taken)


def _limit(place: Place, numbers: Mapping[str, Any]) -> float:
    limit = place.options.get("maxsize", numbers.get("maxsize"))
    return limit if isinstance(limit, int) else float("inf")
