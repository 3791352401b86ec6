"""Lines in the node's audit log about what a command does, with the name of who ran it."""

import os
import pwd
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

from attrs import evolve

from cookietrack_plugin.admin.node import NodeConfig
from cookietrack_plugin.admin.output import note
from cookietrack_plugin.admin.place import Place
from cookietrack_plugin.admin.text import now_ms
from cookietrack_plugin.audit.entry import Actor, By, Entry
from cookietrack_plugin.audit.linefile import LineFile
from cookietrack_plugin.config.audit import AuditSettings
from cookietrack_plugin.config.settings import CookieSettings
from cookietrack_plugin.config.sharing import store_key
from cookietrack_plugin.errors import ConfigError

# Lines in one write.
_STEP = 500


def audit_ids(place: Place, ids: Iterable[str], command: str) -> None:
    """
    Write a line for the end of each cookie. A store that was named without its node has no audit
    log. A log that cannot be written is reported on stderr, and stops nothing.

    :param command: the words of the command that has ended them.
    """
    _write(place, [_entry("revoked", command, id) for id in ids])


def audit_user(place: Place, authid: str | None, authrealm: str | None, command: str) -> None:
    """Write a line for the end of a user, None for any: see `audit_ids`."""
    _write(place, [evolve(_entry("revoked", command), authid=authid, authrealm=authrealm)])


def audit_store(place: Place, event: str, command: str) -> None:
    """Write a line for what was done to the store as a whole: see `audit_ids`."""
    _write(place, [_entry(event, command)])


def _entry(event: str, command: str, id: str | None = None) -> Entry:
    actor = Actor(By.OPERATOR, operator())
    return Entry(now_ms(), event, id, actor=actor, reason=f"cookietrack {command}")


def _write(place: Place, entries: Sequence[Entry]) -> None:
    for path in _paths(place):
        try:
            _append(path, entries, place)
        except OSError as error:
            note(f"not in the audit log {path}: {error}")


def _append(path: str, entries: Sequence[Entry], place: Place) -> None:
    file = LineFile(path)
    try:
        with _as_owner(place):
            for start in range(0, len(entries), _STEP):
                lines = [f"{entry.line()}\n" for entry in entries[start : start + _STEP]]
                file.append("".join(lines).encode(), durable=True)
    finally:
        file.close()


def _paths(place: Place) -> list[str]:
    """The files that transports with this store name."""
    if place.node is None:
        return []
    paths = [
        AuditSettings.of(each.audit).path(place.node.directory)
        for each in _settings(place.node)
        if each.audit is not None and store_key(each.store) == store_key(place.options)
    ]
    return list(dict.fromkeys(path for path in paths if path is not None))


def _settings(node: NodeConfig) -> Iterator[CookieSettings]:
    for tracking in node.transports():
        # Another transport's item may be wrong.
        with suppress(ConfigError):
            yield CookieSettings.of(tracking.cookie)


def operator() -> str:
    """The user of this process, and under sudo the one who called it: `alice as root`."""
    uid = os.getuid()
    name = str(uid)
    with suppress(KeyError):
        name = pwd.getpwuid(uid).pw_name
    behind = os.environ.get("SUDO_USER")
    return f"{behind} as {name}" if behind else name


@contextmanager
def _as_owner(place: Place) -> Iterator[None]:
    """
    Root writes as the owner of the node directory. So the node can write to the file afterwards,
    and a link in its place leads to nothing that the owner could not write.
    """
    owner = os.stat(place.node.directory) if place.node else None
    if os.geteuid() != 0 or owner is None or owner.st_uid == 0:
        yield
        return
    groups, group = os.getgroups(), os.getegid()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)
