"""`cookietrack restore`: the records of a backup, without the logins that may have ended since."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

import click
from attrs import define, evolve, field

from cookietrack_plugin.admin import backupfile
from cookietrack_plugin.admin.auditing import audit_store
from cookietrack_plugin.admin.backup import position_of
from cookietrack_plugin.admin.backupfile import Head
from cookietrack_plugin.admin.batches import at_most, batched, commit
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_fields, print_json
from cookietrack_plugin.admin.params import complete_store, json_option, node_options, the_place
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.text import absolute, counted, now_ms
from cookietrack_plugin.admin.transfer import fingerprint
from cookietrack_plugin.errors import ConfigError, PositionLost, StoreCorrupt
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed
from cookietrack_plugin.record import Cookie, Create, Delete, UserRevoked

INSTEAD = "stop the node first: it goes on with what it has read, and misses what is restored"
# Records that are written in one step. Each takes two changes.
BATCH = 250


@define
class Revoked:
    """What has ended in the store since `position`: records by id, and users."""

    position: Any
    ids: set[str] = field(factory=set)
    users: list[UserRevoked] = field(factory=list)

    def ends(self, cookie: Cookie) -> bool:
        """Whether the record, or its login, is among it."""
        return cookie.id in self.ids or any(
            user.ends(cookie.id, cookie.auth) for user in self.users
        )

    def read_on(self, cookies: ICookieStore) -> None:
        """Add what has ended since; raises PositionLost where the store does not know."""
        if IRevocationFeed.providedBy(cookies):
            ended, self.position = cookies.revoked_since(self.position)
            for each in ended:
                if isinstance(each, UserRevoked):
                    self.users.append(each)
                else:
                    self.ids.add(each)


@define
class Restoration:
    """
    What was done. `counts`: `restored`, of these `logins` with their login; `there` already, and
    left as they were; `expired`; `ended` in the store since the backup. `refused`: ids that the
    store cannot hold; `different`: that were not read back as they were written.
    """

    is_known: bool = False
    counts: Counter[str] = field(factory=Counter)
    refused: list[str] = field(factory=list)
    different: list[str] = field(factory=list)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("store", shell_complete=complete_store)
@node_options
@click.option("--merge", is_flag=True, help="Into a store with cookies: those stay as they are.")
@click.option(
    "--keep-logins",
    is_flag=True,
    help="With their logins, where the store does not know who has logged out since the backup:"
    " these are logged in again.",
)
@json_option
@click.pass_context
def restore(
    ctx: click.Context,
    file: str,
    store: str,
    transport: str | None,
    merge: bool,
    keep_logins: bool,
    as_json: bool,
) -> None:
    """
    Bring back the cookies of a backup.

    STORE is made where it is missing. Where it is the store that was backed up, and it still knows
    what has ended since, all of that stays ended. Otherwise cookies come back without their logins,
    so that nobody who has logged out is in again: their clients have to log in. --keep-logins
    brings the logins back as well.
    """
    place = the_place(store, transport)
    if not os.path.isfile(file):
        # To open a pipe waits for its writer.
        raise ConfigError(f"expected a file, found {file}, which is a device or a pipe")
    with open(file, "rb") as source:
        head = _examine(source, file)
        with opened(place, "make", INSTEAD) as cookies:
            _check_empty(cookies, place, merge)
            done = _restore(source, head, cookies, place, keep_logins)
    audit_store(place, "restored", "restore --keep-logins" if keep_logins else "restore")
    _report(done, head, place, as_json)
    if done.refused or done.different:
        ctx.exit(1)


def _examine(source: IO[bytes], file: str) -> Head:
    """Read all of it once, so that a damaged backup alters nothing."""
    try:
        head = backupfile.read_head(source)
        for _ in backupfile.read(source):
            pass
    except StoreCorrupt as error:
        raise StoreCorrupt(f"{file} cannot be restored: {error}") from error
    return head


def _check_empty(cookies: ICookieStore, place: Place, merge: bool) -> None:
    if not merge and next(read_all(cookies), None) is not None:
        raise ConfigError(
            f"{place.label} has cookies already: --merge adds what it does not have,"
            " and leaves the others as they are"
        )


def _restore(
    source: IO[bytes], head: Head, cookies: ICookieStore, place: Place, keep_logins: bool
) -> Restoration:
    done, now = Restoration(), now_ms()
    revoked = _revoked_since(head, cookies, place)
    done.is_known = revoked is not None
    since = Revoked(position_of(cookies)) if revoked is None else revoked
    for batch in batched(backupfile.read(source), BATCH):
        wanted = list(_wanted(batch, since, now, done))
        if revoked is None and not keep_logins:
            wanted = [evolve(cookie, auth=None) for cookie in wanted]
        _put(cookies, wanted, since, done)
    return done


def _revoked_since(head: Head, cookies: ICookieStore, place: Place) -> Revoked | None:
    """What has ended since the backup; None where that cannot be known."""
    # A position of another store may look like one of this.
    if head.position is not None and head.store == place.label:
        revoked = Revoked(head.position)
        with suppress(PositionLost):
            revoked.read_on(cookies)
            return revoked
    return None


def _wanted(
    batch: Iterable[Cookie], revoked: Revoked, now: int, done: Restoration
) -> Iterator[Cookie]:
    for cookie in batch:
        if cookie.expires <= now:
            done.counts["expired"] += 1
        elif revoked.ends(cookie):
            done.counts["ended"] += 1
        else:
            yield cookie


def _put(cookies: ICookieStore, wanted: list[Cookie], since: Revoked, done: Restoration) -> None:
    """Store what is not there, end again what has just ended, and read the records back."""
    held = cookies.load([cookie.id for cookie in wanted])
    absent = {cookie.id: cookie for cookie in wanted if cookie.id not in held}
    done.counts["there"] += len(wanted) - len(absent)
    refused = set(_create(cookies, list(absent.values()), since.position))
    since.read_on(cookies)
    late = [id for id, cookie in absent.items() if since.ends(cookie)]
    list(commit(cookies, map(Delete, late)))
    done.refused += refused
    done.counts["ended"] += len(late)
    expected = [each for id, each in absent.items() if id not in refused and id not in late]
    found = cookies.load([cookie.id for cookie in expected])
    done.different += [each.id for each in expected if not _is_there(each, found.get(each.id))]
    done.counts["restored"] += len(expected)
    done.counts["logins"] += sum(each.auth is not None for each in expected)


def _is_there(cookie: Cookie, found: Cookie | None) -> bool:
    """Whether it was read as it was written, or a node has heard its client in between."""
    # By fingerprint: a NaN in an authextra equals nothing.
    return found is not None and (
        found.seen > cookie.seen or fingerprint(found) == fingerprint(cookie)
    )


def _create(cookies: ICookieStore, wanted: list[Cookie], since: Any) -> list[str]:
    """Create records in one step, or one by one where that cannot be; the ids of those refused."""
    # With `since`, a user who is revoked at this moment stays out.
    changes = [Create(cookie, since) for cookie in wanted]
    try:
        for batch in batched(changes, at_most(cookies, len(changes) or 1)):
            cookies.commit(batch)
    except ValueError:
        if len(wanted) == 1:
            return [wanted[0].id]
        return [id for cookie in wanted for id in _create(cookies, [cookie], since)]
    return []


def _report(done: Restoration, head: Head, place: Place, as_json: bool) -> None:
    if as_json:
        print_json(_as_data(done, head, place))
        return
    counts = done.counts
    print_fields(
        {
            "from": f"the backup of {absolute(head.created)} of {head.store}",
            "to": place.label,
            "restored": f"{counts['restored']:,}, {counts['logins']:,} of them with a login",
            "already there": f"{counts['there']:,}",
            "left behind": f"{counts['expired']:,} expired, {counts['ended']:,} ended since",
        }
    )
    for warning in _warnings(done, head):
        note(warning)


def _as_data(done: Restoration, head: Head, place: Place) -> dict[str, Any]:
    names = ("restored", "logins", "there", "expired", "ended")
    return {
        "from": head.store,
        "to": place.label,
        "created": head.created,
        "ends_known": done.is_known,
        **{name: done.counts[name] for name in names},
        "refused": done.refused,
        "different": done.different,
    }


def _warnings(done: Restoration, head: Head) -> Iterator[str]:
    if not done.is_known:
        yield (
            f"the store does not know who has logged out or was revoked since"
            f" {absolute(head.created)}:"
            + (
                " those are logged in again"
                if done.counts["logins"]
                else " cookies came back without their logins (--keep-logins)"
            )
        )
    if done.refused:
        yield f"{counted(len(done.refused), 'cookie')} refused: {', '.join(done.refused)}"
    if done.different:
        yield f"not read back as written: {', '.join(done.different)}"
