"""`cookietrack diagnose`: looks for what keeps cookies from being kept, and says what to do."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from os.path import isdir
from typing import Any

import click

from cookietrack_plugin.admin.filesystem import check_clock, check_place
from cookietrack_plugin.admin.finding import SOON, Finding, by_urgency, error, ok, warning
from cookietrack_plugin.admin.node import NodeConfig, running_pid
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import print_finding, print_json, print_line
from cookietrack_plugin.admin.ownercheck import check_configuration
from cookietrack_plugin.admin.params import cbdir, json_option, node_options, store_argument
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
from cookietrack_plugin.interfaces import ICookieStore, IReaderSlots, IRecognizer
from cookietrack_plugin.stores.kit.permissions import denied, is_absent, is_read_only, nearest

# The share of its limit above which a store is almost full.
ALMOST_FULL = 0.8


@click.command()
@store_argument
@node_options
@click.option("--fix", is_flag=True, help="Fix what can be fixed without a risk.")
@json_option
@click.pass_context
def diagnose(
    ctx: click.Context, store: str | None, transport: str | None, fix: bool, as_json: bool
) -> None:
    """
    Check the installation, a node and its stores.

    Prints a line for each check that finds all well; then what is wrong and what to do, the most
    urgent first.
    --fix makes a store's files private, gives them to the owner of the node directory, and frees
    the reader slots of processes that were killed. The exit code is 1 where an error is left.
    """
    findings = []
    for found in _check_all(store, transport):
        finding = found.mended() if fix else found
        findings.append(finding)
        if not as_json and finding.is_well:
            print_finding(finding)
    in_order = by_urgency(findings)
    if as_json:
        print_json([finding.as_data() for finding in in_order])
    else:
        _print_what_to_do([each for each in in_order if not each.is_well], fix)
    if in_order[0].level == "error":
        ctx.exit(1)


def _print_what_to_do(findings: Sequence[Finding], fix: bool) -> None:
    if not findings:
        return
    print_line("")
    print_line("What to do, the most urgent first:")
    for number, finding in enumerate(findings, 1):
        print_finding(finding, f"{number}. ")
    if mendable := [number for number, each in enumerate(findings, 1) if each.mend and not fix]:
        print_line(f"--fix does {' and '.join(map(str, mendable))}.")


def _check_all(name: str | None, transport: str | None) -> Iterator[Finding]:
    yield from check_software()
    yield check_clock()
    try:
        node = find_node(name, cbdir())
        found = places(name, transport, cbdir=cbdir()) if node is None else []
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
        try:
            yield from _check_store(place)
        # What is wrong with one store is no reason not to look at the next.
        except OSError as problem:
            yield error(place.label, str(problem))


def _check_node(node: NodeConfig) -> Iterator[Finding]:
    yield check_configuration(node.path, node.directory)
    pid = running_pid(node.directory)
    yield ok("node", "is not running" if pid is None else f"is running (pid {pid})")


def _check_item(tracked: Tracking) -> Finding:
    try:
        check_cookie_item(tracked.cookie)
    except ConfigError as problem:
        return error(tracked.name, str(problem))
    return ok(tracked.name, "its cookie item is right")


def _check_components(node: NodeConfig) -> Iterator[Finding]:
    """Those that administer cookies, in any worker: each names a store of the whole node."""
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
    try:
        place.provider.check(place.options)
    except ConfigError as problem:
        yield error(place.label, place.worded(problem))
        return
    path = place.disk_path
    if path is not None:
        node_dir = place.node.directory if place.node else None
        yield from check_place(place.label, path, node_dir, _is_store(place, path))
    if place.provider.volatile:
        yield ok(place.label, "in each worker's memory: forgotten when the worker stops")
    elif path is None or _can_be_used(path):
        if path is not None and is_absent(path):
            yield ok(place.label, "is not there yet, and made when the node starts")
        else:
            yield from _check_content(place)


def _is_store(place: Place, path: str) -> bool:
    """Whether the type says that what is at `path` is a store of its own."""
    provider = place.provider
    with suppress(OSError):
        return IRecognizer.providedBy(provider) and provider.recognize(path) is not None
    return False


def _can_be_used(path: str) -> bool:
    """Whether there is something to look into, or nothing that keeps it from being made."""
    if is_absent(path):
        return isdir(nearest(path)) and denied(path) is None
    return denied(path) is None or is_read_only(path)


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
        yield error(place.label, place.worded(problem))


def _check_opened(place: Place, cookies: ICookieStore) -> Iterator[Finding]:
    # First, as reading frees slots.
    yield from _check_readers(place, cookies)
    numbers = cookies.stat()
    taken = f"{counted(numbers['cookies'], 'cookie')}, {size(numbers['bytes'])}"
    if numbers["bytes"] > ALMOST_FULL * _limit(place, numbers):
        yield warning(place.label, f"{taken}: raise maxsize", SOON)
    else:
        yield ok(place.label, taken)
    yield from check_server_time(place.label, cookies)


def _check_readers(place: Place, cookies: ICookieStore) -> Iterator[Finding]:
    if IReaderSlots.providedBy(cookies) and (stale := cookies.stale_readers()):
        yield warning(
            place.label,
            f"{counted(stale, 'reader')} of processes that were killed keep the room of what is"
            " deleted from being used again: `cookietrack diagnose --fix` frees it",
            mend=cookies.clear_stale_readers,
        )


def _limit(place: Place, numbers: Mapping[str, Any]) -> float:
    limit = place.options.get("maxsize", numbers.get("maxsize"))
    return limit if isinstance(limit, int) else float("inf")
