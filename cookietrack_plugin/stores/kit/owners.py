"""Whose a store is, whose it is to be, and how a person says that to the system."""

import os
import pwd
from collections.abc import Iterable
from contextlib import suppress

from cookietrack_plugin.stores.kit.files import named_shortly


def name_of(uid: int) -> str:
    """A user's name, or the number of one who has none."""
    return _account(uid) or f"user {uid}"


def rightful_owner(owner: int, owner_of: str) -> int | None:
    """
    Whom a file of `owner` in a store is to be given to; None where it is right as it is, as far as
    can be known. A node may run as another user than the owner of its directory, and needs its
    store then. So only root's files are astray, and those in a directory of this user's.

    :param owner_of: the node directory, whose owner is expected to own the store.
    """
    with suppress(OSError):
        home = os.stat(owner_of).st_uid
        is_astray = owner == 0 or home == os.geteuid()
        return home if is_astray and home not in (0, owner) else None
    return None


def gift(uid: int, path: str, files: Iterable[str]) -> str | None:
    """
    The command by which root gives a store to a user; None where no file of it is to be given.

    :param path: the store: a file, or a directory, of which all is given.
    :param files: those that are not the user's. What lies above the store stays whose it is.
    """
    names = named_shortly(path, files)
    return f"chown -R {_account(uid) or uid} {' '.join(names)}" if names else None


def as_user(uid: int) -> str:
    """What to do as another user."""
    account = _account(uid) or f"'#{uid}'"
    how = "sudo" if uid == 0 else f"sudo -u {account}"
    return f"run the command as {name_of(uid)} ({how} ...)"


def _account(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
