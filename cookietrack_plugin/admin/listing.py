"""`cookietrack ls`, `show` and `stat`: what there is. Nothing is altered by looking at it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import click

from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_fields, print_json, print_table
from cookietrack_plugin.admin.params import (
    TakesIds,
    json_option,
    names_argument,
    split_names,
    store_argument,
    the_place,
    transport_option,
)
from cookietrack_plugin.admin.text import counted, now_ms, size
from cookietrack_plugin.admin.view import COLUMNS, as_fields, as_row, extra_of
from cookietrack_plugin.record import Cookie, as_mapping


@click.command()
@store_argument
@transport_option
@click.option("--authid", metavar="NAME", help="Only those logged in as this authid.")
@click.option("--authrealm", metavar="REALM", help="Only those logged in to this realm.")
@click.option("--anonymous", is_flag=True, help="Only those without a login.")
@click.option("--expired", is_flag=True, help="Only those that have expired and are still stored.")
@click.option("--limit", metavar="N", type=click.IntRange(min=1), help="At most N.")
@json_option
def ls(
    store: str | None,
    transport: str | None,
    authid: str | None,
    authrealm: str | None,
    anonymous: bool,
    expired: bool,
    limit: int | None,
    as_json: bool,
) -> None:
    """
    List cookies: those that are good, in no particular order.

    With --json one object a line, times in Unix milliseconds.
    """
    if anonymous and (authid is not None or authrealm is not None):
        raise click.UsageError("--anonymous excludes --authid and --authrealm")
    now = now_ms()
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.list") as cookies:
        found = _select(cookies.scan(authid, authrealm), now, anonymous, expired)
        _list(islice(found, limit), now, as_json)


def _select(
    cookies: Iterator[Cookie], now: int, anonymous: bool, expired: bool
) -> Iterator[Cookie]:
    for cookie in cookies:
        if (cookie.expires <= now) == expired and not (anonymous and cookie.auth):
            yield cookie


def _list(cookies: Iterator[Cookie], now: int, as_json: bool) -> None:
    if as_json:
        for cookie in cookies:
            print_json(as_mapping(cookie))
        return
    count = print_table(COLUMNS, (as_row(cookie, now) for cookie in cookies))
    note(counted(count, "cookie"))


@click.command(cls=TakesIds)
@names_argument
@transport_option
@click.option("--extra", is_flag=True, help="With the authextra, in which there may be secrets.")
@json_option
@click.pass_context
def show(
    ctx: click.Context, names: Sequence[str], transport: str | None, extra: bool, as_json: bool
) -> None:
    """Show all that is known about one cookie, expired or not."""
    store, ids = split_names(names)
    if len(ids) != 1:
        raise click.UsageError("name one cookie, by its id")
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.get") as cookies:
        cookie = cookies.load(ids).get(ids[0])
    if cookie is None:
        note(f"no cookie {ids[0]} in {place.label}")
        ctx.exit(1)
    if as_json:
        print_json(as_mapping(cookie) | ({"authextra": extra_of(cookie)} if extra else {}))
    else:
        print_fields(as_fields(cookie, now_ms()) | (_shown_extra(cookie) if extra else {}))


def _shown_extra(cookie: Cookie) -> dict[str, str]:
    return {"authextra": json.dumps(extra_of(cookie), default=repr)}


@click.command()
@store_argument
@transport_option
@json_option
def stat(store: str | None, transport: str | None, as_json: bool) -> None:
    """Show how much is in a store, and how much room it takes."""
    place = the_place(store, transport)
    with opened(place, "read", "call the WAMP procedure cookietrack.stat") as cookies:
        numbers = cookies.stat()
    if as_json:
        print_json({"store": place.label, "transports": place.transports, "stat": dict(numbers)})
    else:
        print_fields({"store": place.label, **_transports(place.transports), **_shown(numbers)})


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
