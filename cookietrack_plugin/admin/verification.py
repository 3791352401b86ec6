"""`cookietrack verify`: reads everything, and says what is damaged."""

from collections.abc import Iterator
from typing import Any

import click
from attrs import define, field

from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_json, print_line
from cookietrack_plugin.admin.params import (
    confirm,
    json_option,
    node_options,
    store_argument,
    the_place,
    yes_option,
)
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.text import counted, printable
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import ICookieStore, IVerifiable

INSTEAD = "stop the node first"


@define
class Verification:
    """
    `cookies`: how many records can be read. `verifiable`: whether the type finds damage, and
    `damaged`: a line for each. `removed`: how much of it is gone now, None without `--repair`.
    """

    cookies: int = 0
    verifiable: bool = True
    damaged: list[str] = field(factory=list)
    removed: int | None = None


@click.command()
@store_argument
@node_options
@click.option("--repair", is_flag=True, help="Remove what is damaged, if anything is.")
@yes_option
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    store: str | None,
    transport: str | None,
    repair: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Read everything in a store, and report what is damaged.

    Clients whose record is damaged must log in again; nothing else is lost. --repair removes such
    records and what refers to them; every record that can be read stays. The exit code is 1 where
    something is damaged and was not removed.
    """
    place = the_place(store, transport)
    verification = Verification()
    with opened(place, "read", INSTEAD) as cookies, PULSE.expected():
        for line in _read(cookies, verification):
            if not as_json:
                print_line(printable(line))
    if repair:
        _repair(place, verification, yes)
    _report(place, verification, as_json)
    if verification.damaged and verification.removed is None:
        ctx.exit(1)


def _read(cookies: ICookieStore, verification: Verification) -> Iterator[str]:
    verification.cookies = sum(1 for _ in read_all(cookies))
    verification.verifiable = IVerifiable.providedBy(cookies)
    if IVerifiable.providedBy(cookies):
        for line in cookies.damaged():
            PULSE.beat()
            verification.damaged.append(line)
            yield line


def _repair(place: Place, verification: Verification, yes: bool) -> None:
    if not verification.verifiable:
        raise ConfigError(f"stores of type {place.type!r} cannot be repaired from here")
    verification.removed = 0
    if not verification.damaged:
        return
    parts = counted(len(verification.damaged), "damaged part")
    confirm(f"Remove {parts} from {place.label}?", yes)
    with opened(place, "alter", INSTEAD) as cookies:
        if IVerifiable.providedBy(cookies):
            verification.removed = cookies.repair()


def _report(place: Place, verification: Verification, as_json: bool) -> None:
    if as_json:
        print_json(_as_data(place, verification))
    else:
        _print(place, verification)


def _as_data(place: Place, verification: Verification) -> dict[str, Any]:
    return {
        "store": place.label,
        "cookies": verification.cookies,
        "verifiable": verification.verifiable,
        "damaged": verification.damaged,
        "removed": verification.removed,
    }


def _print(place: Place, verification: Verification) -> None:
    print_line(f"{counted(verification.cookies, 'cookie')} in {place.label} can be read")
    if not verification.verifiable:
        note(f"stores of type {place.type!r} cannot say what is damaged")
    elif not verification.damaged:
        print_line("nothing is damaged")
    else:
        print_line(f"{counted(len(verification.damaged), 'damaged part')} found")
    if verification.removed:
        print_line(f"{verification.removed:,} removed, with what referred to it")
