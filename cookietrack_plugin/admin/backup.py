"""`cookietrack backup`: all records of a store in one file, while a node goes on with it."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

import click
from attrs import define, field

from cookietrack_plugin.admin import backupfile
from cookietrack_plugin.admin.backupfile import Head
from cookietrack_plugin.admin.newfile import new_file
from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.output import note, print_fields, print_json, progress_bar
from cookietrack_plugin.admin.params import complete_store, json_option, node_options, the_place
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.pulse import PULSE
from cookietrack_plugin.admin.reading import read_all
from cookietrack_plugin.admin.text import counted, now_ms
from cookietrack_plugin.admin.transfer import Digest, fingerprint
from cookietrack_plugin.errors import ConfigError, CookieTrackError, StoreCorrupt
from cookietrack_plugin.interfaces import ICookieStore, IRevocationFeed
from cookietrack_plugin.record import Cookie
from cookietrack_plugin.stores.kit.files import files_beside

INSTEAD = "stop the node first"


@define
class Backup:
    """`written`: of the records that are in the file. `refused`: ids of those that cannot be."""

    written: Digest = field(factory=Digest)
    refused: list[str] = field(factory=list)


@click.command()
@click.argument("store", shell_complete=complete_store)
@click.argument("file", type=click.Path(dir_okay=False))
@node_options
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option
@click.pass_context
def backup(
    ctx: click.Context, store: str, file: str, transport: str | None, force: bool, as_json: bool
) -> None:
    """
    Write all cookies of a store into a file.

    `cookietrack restore` reads FILE. A node may use the store: each record is in the file in one of
    its states, and none is missing that was there and did not change all the while. FILE appears
    when it is complete, flushed to disk and read back. It has mode 0600: it logs nobody in, but
    says who was here, when, and from where.
    """
    if file == "-":
        raise click.UsageError("expected the name of a file, found -: FILE appears when complete")
    place = the_place(store, transport)
    _check_apart(place, file)
    with opened(place, "read", INSTEAD) as cookies, new_file(file, force) as target:
        head = Head(now_ms(), place.label, position_of(cookies))
        made = _write(target, head, cookies, as_json)
        _check(target, made)
    _report(made, head, file, as_json)
    if made.refused:
        ctx.exit(1)


def _check_apart(place: Place, file: str) -> None:
    """Nothing of the store is replaced by its backup."""
    if place.disk_path is None:
        return
    store, path = os.path.realpath(place.disk_path), os.path.realpath(file)
    is_within = f"{path}/".startswith(f"{store}/")
    if is_within or (path in files_beside(store) and not _is_backup(path)):
        raise ConfigError(f"{file} is a part of {place.label}: put the backup elsewhere")


def _is_backup(path: str) -> bool:
    # An earlier backup may be beside the store, and begin with its name.
    if os.path.isfile(path):
        with suppress(OSError, StoreCorrupt), open(path, "rb") as file:
            backupfile.read_head(file)
            return True
    return False


def position_of(cookies: ICookieStore) -> Any:
    """Where the store's feed is now; None where it has none, or does not say."""
    if IRevocationFeed.providedBy(cookies):
        # A Redis user without the right to write cannot begin a feed that is empty.
        with suppress(CookieTrackError):
            return cookies.revoked_since(None)[1]
    return None


def _write(target: IO[bytes], head: Head, cookies: ICookieStore, quiet: bool) -> Backup:
    made = Backup()
    total = cookies.stat()["cookies"]
    with PULSE.expected(), progress_bar("writing", total, quiet) as advance:
        for each in backupfile.write(target, head, read_all(cookies)):
            if isinstance(each, Cookie):
                made.written.add(fingerprint(each))
            else:
                made.refused.append(each)
            advance(1)
    return made


def _check(target: IO[bytes], made: Backup) -> None:
    """Read back what was written: checksum, number and content."""
    target.flush()
    found = Digest()
    for cookie in backupfile.read(target):
        found.add(fingerprint(cookie))
    if found != made.written:
        raise StoreCorrupt("the backup does not read as it was written: is the disk damaged?")


def _report(made: Backup, head: Head, file: str, as_json: bool) -> None:
    if as_json:
        print_json(_as_data(made, head, file))
        return
    print_fields(
        {
            "from": head.store,
            "to": file,
            "cookies": f"{made.written.count:,}, written and read back",
            "digest": made.written.hex()[:16],
        }
    )
    for warning in _warnings(made):
        note(warning)


def _as_data(made: Backup, head: Head, file: str) -> dict[str, Any]:
    return {
        "from": head.store,
        "to": file,
        "created": head.created,
        "cookies": made.written.count,
        "digest": made.written.hex(),
        "refused": made.refused,
    }


def _warnings(made: Backup) -> Iterator[str]:
    if made.refused:
        yield f"{counted(len(made.refused), 'cookie')} not in the backup: {', '.join(made.refused)}"
