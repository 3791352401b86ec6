"""`cookietrack revoke` and `purge`: records of users are removed, and those that have expired."""

from collections.abc import Iterable, Iterator, Sequence

import click

from cookietrack_plugin.admin.batches import STEP, commit
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_json
from cookietrack_plugin.admin.params import (
    TakesIds,
    confirm,
    json_option,
    names_argument,
    split_names,
    store_argument,
    the_place,
    transport_option,
    yes_option,
)
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.text import counted, now_ms
from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import Delete


@click.command(cls=TakesIds)
@names_argument
@transport_option
@click.option("--authid", metavar="NAME", help="All cookies that are logged in as this authid.")
@click.option("--authrealm", metavar="REALM", help="With --authid: only in this realm.")
@click.option("--all", "everything", is_flag=True, help="All cookies of the store.")
@yes_option
@json_option
@click.pass_context
def revoke(
    ctx: click.Context,
    names: Sequence[str],
    transport: str | None,
    authid: str | None,
    authrealm: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    End sessions: by id, of a user, or all.

    The records are deleted, durably, before this prints how many there were. Running workers that
    share the store end their sessions and close their connections within a second. By --authid and
    --all that reaches sessions without a record too, and logins in progress.
    """
    store, ids = split_names(names)
    _check_choice(ids, authid, authrealm, everything)
    place = the_place(store, transport)
    instead = "call the WAMP procedure cookietrack.revoke" + ("_by_authid" if authid else "")
    confirm(_question(place, ids, authid, authrealm), yes)
    with opened(place, "alter", f"{instead}, or stop the node first") as cookies:
        ended = delete(cookies, ids) if ids else _revoke_user(cookies, authid, authrealm)
    absent = len(ids) - ended if ids else 0
    _report(place, ended, absent, as_json)
    if absent:
        ctx.exit(1)


def _check_choice(
    ids: Sequence[str], authid: str | None, authrealm: str | None, everything: bool
) -> None:
    if [bool(ids), authid is not None, everything].count(True) != 1:
        raise click.UsageError("say what to end: ids, --authid NAME, or --all")
    if authrealm is not None and authid is None:
        raise click.UsageError("--authrealm goes with --authid")
    # Otherwise a script's variable that is not set would look like a user without cookies.
    if "" in (authid, authrealm):
        raise click.UsageError("--authid and --authrealm need a name that is not empty")


def _question(place: Place, ids: Sequence[str], authid: str | None, authrealm: str | None) -> str:
    if ids:
        what = counted(len(ids), "cookie")
    elif authid is not None:
        what = f"all cookies of {authid!r}" + (f" in realm {authrealm!r}" if authrealm else "")
    else:
        what = "ALL cookies"
    return f"End {what} in {place.label}?"


def _report(place: Place, ended: int, absent: int, as_json: bool) -> None:
    if as_json:
        print_json({"store": place.label, "ended": ended, "absent": absent})
    else:
        click.echo(f"{counted(ended, 'cookie')} ended")
    if absent:
        note(f"{counted(absent, 'id')} not in {place.label}")


def _revoke_user(cookies: ICookieStore, authid: str | None, authrealm: str | None) -> int:
    """
    End everything that the user has in the store, and of everybody where both are None.

    :returns: how many records that were.
    """
    if IUserRevocation.providedBy(cookies):
        return cookies.revoke_user(authid, authrealm)
    return _delete_matching(cookies, authid, authrealm)


def _delete_matching(cookies: ICookieStore, authid: str | None, authrealm: str | None) -> int:
    """
    Delete the records that are there, for a store without `IUserRevocation`.

    The second scan finds a login that was stored on one of them during the first. A login on a
    record that is created later stays: its user has logged in after this began.
    """
    started = now_ms()
    ended = delete(cookies, (cookie.id for cookie in cookies.scan(authid, authrealm)))
    late = (each.id for each in cookies.scan(authid, authrealm) if each.created < started)
    return ended + delete(cookies, late)


def delete(cookies: ICookieStore, ids: Iterable[str]) -> int:
    """Delete these records, durably and in steps; how many there were."""
    return sum(commit(cookies, map(Delete, ids)))


@click.command()
@store_argument
@transport_option
@yes_option
@json_option
def purge(store: str | None, transport: str | None, yes: bool, as_json: bool) -> None:
    """
    Remove cookies that have expired.

    A running node does that by itself, and refuses them until it has. This works in small steps,
    so that running workers go on.
    """
    place = the_place(store, transport)
    confirm(f"Remove all expired cookies from {place.label}?", yes)
    with opened(place, "alter", "it removes expired cookies by itself") as cookies:
        removed = sum(_expire(cookies, now_ms()))
    if as_json:
        print_json({"store": place.label, "removed": removed})
    else:
        click.echo(f"{counted(removed, 'expired cookie')} removed")


def _expire(cookies: ICookieStore, now: int) -> Iterator[int]:
    while True:
        removed = cookies.expire(now, STEP)
        yield removed
        if removed < STEP:
            return
