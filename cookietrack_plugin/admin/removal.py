"""`cookietrack revoke` and `purge`: records of users are removed, and those that have expired."""

from collections.abc import Iterable, Iterator, Sequence

import click

from cookietrack_plugin.admin.auditing import audit_ids, audit_store, audit_user
from cookietrack_plugin.admin.batches import STEP, commit
from cookietrack_plugin.admin.ids import (
    TakesIds,
    mistaken,
    names_argument,
    split_names,
    values_among,
)
from cookietrack_plugin.admin.nodestore import NodeStore
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
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.text import counted, now_ms
from cookietrack_plugin.interfaces import ICookieStore, IUserRevocation
from cookietrack_plugin.record import Delete


@click.command(cls=TakesIds)
@names_argument
@node_options
@click.option("--authid", metavar="NAME", help="All cookies that are logged in as this authid.")
@click.option(
    "--authrealm",
    metavar="REALM",
    help="All that are logged in to this realm; or --authid's there.",
)
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
    End sessions: by id, of a user, of a realm, or all.

    ID is a cookie's id, which `ls` shows, and not its value, which only its browser has.

    The records are deleted, durably, before this prints how many there were. Running workers that
    share the store end their sessions and close their connections within a second. By --authid,
    --authrealm and --all that reaches sessions without a record too, and logins in progress.
    """
    # Before what is no id is complained about: beside an option there are to be none.
    if others := names[1:]:
        _check_choice(None, others, authid, authrealm, everything)
    store, ids = split_names(names)
    _check_choice(store, ids, authid, authrealm, everything)
    place = the_place(store, transport)
    confirm(_question(place, ids, authid, authrealm), yes)
    with opened(place, "alter", _instead(ids, authid)) as cookies:
        ended = delete(cookies, ids) if ids else _revoke_user(cookies, authid, authrealm)
        absent = len(ids) - ended if ids else 0
        values = list(values_among(cookies, ids)) if absent else []
        # A node writes its audit log by itself.
        is_audited = isinstance(cookies, NodeStore)
    if not is_audited and ids:
        audit_ids(place, ids, "revoke")
    elif not is_audited:
        audit_user(place, authid, authrealm, "revoke")
    _report(place, ended, absent, as_json)
    for line in values:
        note(line)
    if absent:
        ctx.exit(1)


def _instead(ids: Sequence[str], authid: str | None) -> str:
    """What to do where the node has the store: no procedure ends a whole realm, or everybody."""
    if not ids and authid is None:
        return "stop the node first"
    procedure = "revoke" if ids else "revoke_by_authid"
    return f"call the WAMP procedure cookietrack.{procedure}, or stop the node first"


def _check_choice(
    store: str | None,
    ids: Sequence[str],
    authid: str | None,
    authrealm: str | None,
    everything: bool,
) -> None:
    of_login = {"--authid": authid, "--authrealm": authrealm}
    found = [name for name, value in of_login.items() if value is not None]
    found += ["ids"] * bool(ids) + ["--all"] * everything
    if not found:
        raise click.UsageError(
            "expected what to end: ids, --authid NAME, --authrealm REALM or --all; found nothing"
            f"{mistaken(store)}"
        )
    if len(found) > 1 and found != ["--authid", "--authrealm"]:
        raise click.UsageError(
            "expected one of ids, --authid and --authrealm, and --all; found both"
            f" {' and '.join(found)}"
        )
    # Otherwise a script's variable that is not set would look like a user without cookies.
    if "" in (authid, authrealm):
        raise click.UsageError("--authid and --authrealm need a name that is not empty")


def _question(place: Place, ids: Sequence[str], authid: str | None, authrealm: str | None) -> str:
    if ids:
        what = counted(len(ids), "cookie")
    elif authid is not None:
        what = f"all cookies of {authid!r}" + (f" in realm {authrealm!r}" if authrealm else "")
    elif authrealm is not None:
        what = f"all cookies that are logged in to realm {authrealm!r}"
    else:
        what = "ALL cookies"
    return f"End {what} in {place.label}?"


def _report(place: Place, ended: int, absent: int, as_json: bool) -> None:
    if as_json:
        print_json({"store": place.label, "ended": ended, "absent": absent})
    else:
        print_line(f"{counted(ended, 'cookie')} ended")
    if absent:
        note(f"{counted(absent, 'id')} not in {place.label}")


def _revoke_user(cookies: ICookieStore, authid: str | None, authrealm: str | None) -> int:
    """
    End everything that the user has in the store; of all users where both are None.

    :returns: how many records were deleted.
    """
    if IUserRevocation.providedBy(cookies):
        return cookies.revoke_user(authid, authrealm)
    return _delete_matching(cookies, authid, authrealm)


def _delete_matching(cookies: ICookieStore, authid: str | None, authrealm: str | None) -> int:
    """
    Delete the records that are there, for a store without `IUserRevocation`.

    The second walk finds a login that was stored on one of them during the first. A login on a
    record that is created later stays: its user has logged in after this began.
    """
    started = now_ms()
    ended = delete(cookies, (cookie.id for cookie in read_all(cookies, authid, authrealm)))
    late = (each.id for each in read_all(cookies, authid, authrealm) if each.created < started)
    return ended + delete(cookies, late)


def delete(cookies: ICookieStore, ids: Iterable[str]) -> int:
    """Delete these records, durably and in steps; how many there were."""
    return sum(commit(cookies, map(Delete, ids)))


@click.command()
@store_argument
@node_options
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
    # A node writes no line for what it sweeps.
    audit_store(place, "purged", "purge")
    if as_json:
        print_json({"store": place.label, "removed": removed})
    else:
        print_line(f"{counted(removed, 'expired cookie')} removed")


def _expire(cookies: ICookieStore, now: int) -> Iterator[int]:
    while True:
        removed = cookies.expire(now, STEP)
        yield removed
        if removed < STEP:
            return
