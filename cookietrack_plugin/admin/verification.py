"""`cookietrack verify`: reads everything, and says what is damaged."""

from collections.abc import Iterator
from typing import Any

import click
from attrs import define, field

from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_json
from cookietrack_plugin.admin.params import (
    confirm,
    json_option,
    store_argument,
    the_place,
    transport_option,
    yes_option,
)
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.text import counted, printable
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.interfaces import ICookieStore, IVerifiable

INSTEAD = "stop the node first"


@define
class Finding:
    """
    `cookies`: records that can be read. `damaged`: what cannot, a line each, and `verifiable`
    whether the type can tell. `removed`: how much of it is gone now, None without `--repair`.
    """

    cookies: int = 0
    verifiable: bool = True
    damaged: list[str] = field(factory=list)
    removed: int | None = None


@click.command()
@store_argument
@transport_option
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

    Whose record is damaged has to log in again, no more. --repair removes such records and what
    refers to them; every record that can be read stays. The exit code is 1 where something is
    damaged and was not removed.
    """
    place = the_place(store, transport)
    finding = Finding()
    with opened(place, "read", INSTEAD) as cookies:
        for line in _read(cookies, finding):
            if not as_json:
                click.echo(printable(line))
    if repair:
        _repair(place, finding, yes)
    if as_json:
        print_json(_as_data(place, finding))
    else:
        _print(place, finding)
    if finding.damaged and finding.removed is None:
        ctx.exit(1)


def _read(cookies: ICookieStore, finding: Finding) -> Iterator[str]:
    finding.cookies = sum(1 for _ in cookies.scan())
    finding.verifiable = IVerifiable.providedBy(cookies)
    if IVerifiable.providedBy(cookies):
        for line in cookies.damaged():
            finding.damaged.append(line)
            yield line


def _repair(place: Place, finding: Finding, yes: bool) -> None:
    if not finding.verifiable:
        raise ConfigError(f"stores of type {place.type!r} cannot be repaired from here")
    finding.removed = 0
    if not finding.damaged:
        return
    confirm(f"Remove what is damaged ({len(finding.damaged)}) from {place.label}?", yes)
    with opened(place, "alter", INSTEAD) as cookies:
        if IVerifiable.providedBy(cookies):
            finding.removed = cookies.repair()


def _as_data(place: Place, finding: Finding) -> dict[str, Any]:
    return {
        "store": place.label,
        "cookies": finding.cookies,
        "verifiable": finding.verifiable,
        "damaged": finding.damaged,
        "removed": finding.removed,
    }


def _print(place: Place, finding: Finding) -> None:
    click.echo(f"{counted(finding.cookies, 'cookie')} in {place.label} can be read")
    if not finding.verifiable:
        note(f"stores of type {place.type!r} do not tell what is damaged")
    elif not finding.damaged:
        click.echo("nothing is damaged")
    else:
        click.echo(f"{counted(len(finding.damaged), 'damage')} found")
    if finding.removed:
        click.echo(f"{finding.removed:,} removed, with what referred to it")
