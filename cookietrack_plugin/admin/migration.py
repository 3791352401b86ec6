"""`cookietrack migrate`: every client known to one store becomes known to another."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from attrs import define, field

from cookietrack_plugin.admin.adoption import Adoption
from cookietrack_plugin.admin.auditing import audit_ids
from cookietrack_plugin.admin.batches import STEP, batched
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_fields, print_json, progress_bar
from cookietrack_plugin.admin.params import (
    cbdir,
    cbdir_option,
    complete_store,
    complete_transport,
    confirm,
    json_option,
    the_place,
    yes_option,
)
from cookietrack_plugin.admin.place import Place, node_among
from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.removal import delete
from cookietrack_plugin.admin.text import counted, now_ms
from cookietrack_plugin.admin.transfer import Comparison, Copied, compare, copy, only_in_target
from cookietrack_plugin.config.registry import keeps_records
from cookietrack_plugin.errors import ConfigError, StoreLocked
from cookietrack_plugin.interfaces import ICookieStore, IVerifiable

INSTEAD = "stop the node first"
INSTEAD_TO = "stop the node first: it goes on with what it has read, and misses what is copied"
# Ids that a report names.
NAMED = 10


_AGAIN = (
    "Run the command again, unless a user was revoked in TO during the copy: that would log them in"
)


@define
class Migration:
    """
    What was done. `damaged`: records of the source that cannot be read. `only_in_target`: records
    that the source does not have, and `ended`: how many of these were ended. `was_empty`: whether
    the target had no records before.
    """

    damaged: int = 0
    copied: Copied = field(factory=Copied)
    only_in_target: int = 0
    ended: int = 0
    was_empty: bool = True
    comparison: Comparison = field(factory=Comparison)

    @property
    def is_whole(self) -> bool:
        """Whether everything that could be read is at its new place."""
        return self.comparison.is_equal and not (
            self.comparison.missing or self.comparison.different or self.copied.refused
        )


@click.command()
@click.argument("source", metavar="FROM", shell_complete=complete_store)
@click.argument("target", metavar="TO", shell_complete=complete_store)
@click.option("--from-transport", metavar="NAME", shell_complete=complete_transport)
@click.option("--to-transport", metavar="NAME", shell_complete=complete_transport)
@cbdir_option
@click.option("--mirror", is_flag=True, help="End the cookies that TO has and FROM has not.")
@yes_option
@json_option
@click.pass_context
def migrate(
    ctx: click.Context,
    source: str,
    target: str,
    from_transport: str | None,
    to_transport: str | None,
    mirror: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """
    Copy all cookies of one store into another.

    Nobody has to log in again.
    FROM can be of any type, Crossbar's own files (file:PATH) and databases (database:PATH)
    included, and is left as it is. No node may use it: what a node does with it during the copy
    would be lost. TO is made where it is missing. What TO has already stays there; where both know
    a cookie, the later state wins. Expired cookies are left behind.

    Where FROM or TO is a node, a relative path in the other begins in its node directory, as in the
    configuration: `cookietrack migrate . lmdb:.cookies`. The store item to put there is printed.

    After an interruption, run the same command again: it goes on from there. At the end both stores
    are read again and compared.
    """
    base = node_among([source, target], cbdir())
    origin = the_place(source, from_transport, "--from-transport", base)
    goal = the_place(target, to_transport, "--to-transport", base)
    _check(origin, goal)
    if mirror:
        confirm(f"End the cookies in {goal.label} that are not in {origin.label}?", yes)
    with (
        opened(origin, "read", INSTEAD, through_node=False) as old,
        opened(goal, "make", INSTEAD_TO) as new,
        PULSE.expected(),
        _resumable(),
    ):
        migration = _migrate(old, new, goal, mirror, quiet=as_json)
    _report(migration, origin, goal, as_json)
    if not migration.is_whole:
        ctx.exit(1)


def _check(origin: Place, goal: Place) -> None:
    provider = goal.provider
    if provider.volatile:
        raise ConfigError(
            f"a {goal.type} store loses everything when its worker stops: it cannot be migrated to"
        )
    if not keeps_records(provider):
        raise ConfigError(
            f"a store of type {goal.type!r} keeps cookies by their secret values, which no other"
            " store has: it can be migrated from, but not to"
        )
    if origin.identity == goal.identity:
        raise ConfigError(f"FROM and TO are the same store, {goal.label}")
    if (pid := origin.running_pid()) is not None:
        raise StoreLocked(
            f"{origin.label} is in use by a running node (pid {pid}), and what happens there"
            f" during the copy would be lost: {INSTEAD}"
        )


@contextmanager
def _resumable() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        note("interrupted: run the same command again to go on")
        raise


def _migrate(
    old: ICookieStore, new: ICookieStore, goal: Place, mirror: bool, quiet: bool
) -> Migration:
    """:param goal: where `new` is."""
    now = now_ms()
    total = old.stat()["cookies"]
    migration = Migration()
    # Everything in a store that was empty comes from this copy.
    migration.was_empty = next(read_all(new), None) is None
    with progress_bar("copying", total, quiet) as advance:
        migration.copied = copy(old, new, now, advance)
    if IVerifiable.providedBy(old):
        migration.damaged = sum(1 for _ in old.damaged())
    if mirror:
        migration.ended = _end_surplus(old, new, goal, now)
    elif not migration.was_empty:
        migration.only_in_target = sum(1 for _ in only_in_target(old, new, now))
    with progress_bar("verifying", total, quiet) as advance:
        migration.comparison = compare(old, new, now, advance)
    return migration


def _end_surplus(old: ICookieStore, new: ICookieStore, goal: Place, now: int) -> int:
    """End what only `new` has, with a line for each in the audit log; how many those were."""
    ended = 0
    for ids in batched(only_in_target(old, new, now), STEP):
        ended += delete(new, ids)
        audit_ids(goal, ids, "migrate --mirror")
    return ended


def _report(migration: Migration, origin: Place, goal: Place, as_json: bool) -> None:
    adoption = Adoption.of(origin, goal)
    if as_json:
        print_json(_as_data(migration, origin, goal) | adoption.as_data())
    else:
        print_fields(_as_fields(migration, origin, goal) | adoption.as_fields())
        for warning in (*_warnings(migration), *adoption.warnings()):
            note(warning)


def _as_data(migration: Migration, origin: Place, goal: Place) -> dict[str, Any]:
    copied, comparison = migration.copied, migration.comparison
    kinds = ("created", "updated", "kept", "same", "expired")
    return {
        "from": origin.label,
        "to": goal.label,
        **{kind: copied.counts[kind] for kind in kinds},
        "refused": copied.refused,
        "damaged": migration.damaged,
        "only_in_target": migration.only_in_target,
        "ended": migration.ended,
        "was_empty": migration.was_empty,
        "verified": migration.is_whole,
        "cookies": {"from": comparison.source.count, "to": comparison.target.count},
        "digest": {"from": comparison.source.hex(), "to": comparison.target.hex()},
        "missing": comparison.missing,
        "different": comparison.different,
    }


def _as_fields(migration: Migration, origin: Place, goal: Place) -> dict[str, str]:
    counts, comparison = migration.copied.counts, migration.comparison
    verdict = "the same" if migration.is_whole else "NOT the same"
    return {
        "from": origin.label,
        "to": goal.label,
        "copied": f"{counts['created']:,}",
        "updated": f"{counts['updated']:,} (FROM had the later state)",
        "already there": f"{counts['same']:,}, and {counts['kept']:,} with a later state",
        "left behind": f"{counts['expired']:,} expired",
        "verified": f"{comparison.target.count:,} of {comparison.source.count:,} cookies",
        "digests": f"{comparison.source.hex()[:16]} {comparison.target.hex()[:16]}: {verdict}",
    }


def _warnings(migration: Migration) -> Iterator[str]:
    copied, comparison = migration.copied, migration.comparison
    if migration.damaged:
        parts = counted(migration.damaged, "damaged part")
        yield f"{parts} in FROM: see `cookietrack verify FROM`"
    if copied.refused:
        yield f"TO cannot hold {_named(copied.refused)}: to run the command again would not help"
    refused = set(copied.refused)
    if missing := [each for each in comparison.missing if each not in refused]:
        yield f"not in TO: {_named(missing)}. {_AGAIN}"
    if comparison.different:
        yield f"changed during the copy: {_named(comparison.different)}. {_AGAIN}"
    if not migration.was_empty and (created := copied.counts["created"]):
        yield (
            f"TO had cookies before: of the {counted(created, 'cookie')} copied, those whose users"
            " have logged out there since an earlier run are logged in again"
        )
    if migration.ended:
        yield f"{counted(migration.ended, 'cookie')} ended that FROM does not have"
    if migration.only_in_target:
        surplus = counted(migration.only_in_target, "cookie")
        yield (
            f"TO has {surplus} that FROM does not have, of its own"
            " or ended in FROM since an earlier run: --mirror ends them"
        )


def _named(ids: list[str]) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more
