"""`cookietrack ls`, `count`, `show` and `stat`: what is in a store. Nothing is altered."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from cookietrack_plugin.admin.ids import (
    TakesIds,
    mistaken,
    names_argument,
    split_names,
    values_among,
)
from cookietrack_plugin.admin.nodestore import NodeStore, parts_of
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import (
    json_line,
    note,
    print_fields,
    print_json,
    print_line,
    print_row,
    print_table,
)
from cookietrack_plugin.admin.params import (
    json_option,
    node_options,
    store_argument,
    the_place,
)
from cookietrack_plugin.admin.selection import (
    SORTS,
    Listed,
    in_order,
    selection_options,
)
from cookietrack_plugin.admin.text import counted, now_ms, size
from cookietrack_plugin.admin.view import COLUMNS, as_fields, as_row, extra_of
from cookietrack_plugin.admin.walk import Walk
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import Cookie, as_mapping
from cookietrack_plugin.search.selection import Selection


@click.command()
@store_argument
@node_options
@selection_options
@click.option("--sort", type=click.Choice(SORTS), help="In this order.")
@click.option("--reverse", is_flag=True, help="With --sort: in the reverse order.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N.")
@click.option("--after", metavar="PLACE", help="Go on at the place that `ls --limit` printed.")
@json_option
def ls(
    store: str | None,
    transport: str | None,
    selection: Selection,
    sort: str | None,
    reverse: bool,
    limit: int | None,
    after: str | None,
    as_json: bool,
) -> None:
    """
    List cookies that have not expired, in no particular order.

    With --json one object a line, times in Unix milliseconds. An AGE is a number with s, m, h, d or
    w, such as 30m. --sort puts the latest first by `created` and `seen`, and by `expires` what ends
    first; it reads all matching cookies before it prints one. Where --limit leaves some out, the
    last line says where --after goes on.
    """
    if reverse and sort is None:
        raise click.UsageError("--reverse goes with --sort")
    if after is not None and sort is not None:
        raise click.UsageError("--after goes on with a list that is not sorted")
    now = now_ms()
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.list") as cookies:
        parts = list(parts_of(cookies))
        walk = Walk(parts, selection, now, after)
        found = walk.up_to(limit if sort is None else None)
        ordered = in_order(found, sort, reverse, limit)
        if as_json:
            for worker, cookie in ordered:
                print_row(json_line(_of(worker) | as_mapping(cookie)))
        else:
            _print_table(ordered, now, len(parts) > 1)
    if walk.after is not None:
        note(f"{counted(walk.looked_at, 'record')} looked at; go on with --after {walk.after}")


def _print_table(listed: Iterator[Listed], now: int, with_workers: bool) -> None:
    if with_workers:
        rows = ((str(worker), *as_row(cookie, now)) for worker, cookie in listed)
        printed = print_table(("WORKER", *COLUMNS), rows)
    else:
        printed = print_table(COLUMNS, (as_row(cookie, now) for _, cookie in listed))
    note(counted(printed, "cookie"))


def _of(worker: str | None) -> dict[str, Any]:
    return {} if worker is None else {"worker": worker}


@click.command()
@store_argument
@node_options
@selection_options
@json_option
def count(store: str | None, transport: str | None, selection: Selection, as_json: bool) -> None:
    """
    Count cookies that have not expired.

    The options choose among them. `stat` is quicker in a large store, and counts expired ones as
    well.
    """
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.count") as cookies:
        now = now_ms()
        numbers = {each: _count(selection, part, now) for each, part in parts_of(cookies)}
    workers = {} if None in numbers else {"workers": numbers}
    if as_json:
        print_json({"store": place.label, "cookies": sum(numbers.values()), **workers})
    elif workers:
        print_fields({str(worker): str(number) for worker, number in numbers.items()})
    else:
        print_line(str(sum(numbers.values())))


def _count(selection: Selection, store: ICookieStore, now: int) -> int:
    if isinstance(store, NodeStore):
        return store.count(selection)
    return sum(1 for _ in Walk([(None, store)], selection, now, None).up_to(None))


@click.command(cls=TakesIds)
@names_argument
@node_options
@click.option("--extra", is_flag=True, help="With the authextra, in which there may be secrets.")
@json_option
@click.pass_context
def show(
    ctx: click.Context, names: Sequence[str], transport: str | None, extra: bool, as_json: bool
) -> None:
    """
    Show all that is known about one cookie, expired or not.

    ID is a cookie's id, which `ls` shows, and not its value, which only its browser has.
    """
    store, ids = split_names(names)
    if len(ids) != 1:
        found = counted(len(ids), "id") if ids else f"none{mistaken(store)}"
        raise click.UsageError(f"expected the id of one cookie, as `ls` shows it, found {found}")
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.get") as cookies:
        listed = _find(cookies, ids[0])
        values = list(values_among(cookies, ids)) if listed is None else []
    if listed is None:
        for line in values or [f"no cookie has this id in {place.label}"]:
            note(line)
        ctx.exit(1)
    worker, cookie = listed
    if as_json:
        added = {"authextra": extra_of(cookie)} if extra else {}
        print_json(_of(worker) | as_mapping(cookie) | added)
    else:
        shown = _shown_extra(cookie) if extra else {}
        print_fields(_of(worker) | as_fields(cookie, now_ms()) | shown)


def _find(cookies: ICookieStore, id: str) -> Listed | None:
    for worker, part in parts_of(cookies):
        if (cookie := part.load([id]).get(id)) is not None:
            return worker, cookie
    return None


def _shown_extra(cookie: Cookie) -> dict[str, str]:
    return {"authextra": json.dumps(extra_of(cookie), default=repr)}


@click.command()
@store_argument
@node_options
@json_option
def stat(store: str | None, transport: str | None, as_json: bool) -> None:
    """Show how much is in a store, and how much room it takes."""
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.stat") as cookies:
        found = {worker: dict(part.stat()) for worker, part in parts_of(cookies)}
    if as_json:
        stats = {"stat": found[None]} if None in found else {"workers": found}
        print_json({"store": place.label, "transports": place.transports, **stats})
    else:
        head = {"store": place.label, **_transports(place.transports)}
        print_fields(head, *(_of(worker) | _shown(each) for worker, each in found.items()))


def _transports(names: Sequence[str]) -> dict[str, str]:
    return {"transports": ", ".join(names)} if names else {}


def _shown(numbers: Mapping[str, Any]) -> dict[str, str]:
    return {
        name.replace("_", " "): size(value)
        if _is_size(name) and _is_number(value)
        else _number(value)
        for name, value in numbers.items()
    }


def _is_size(name: str) -> bool:
    return name.endswith("bytes") or name in ("maxsize", "mapsize")


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> str:
    return f"{value:,}" if _is_number(value) else str(value)
