"""The checks of `cookietrack diagnose` that the user of a node can use what the node needs."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from cookietrack_plugin.admin.finding import NOW, OPEN, Finding, error, ok, warning
from cookietrack_plugin.admin.mending import give
from cookietrack_plugin.stores.kit.owners import gift, name_of, rightful_owner

# What stores open beside their own file.
_BESIDE = (".lock", "-wal", "-shm", "-journal")
# Of group and of others, in a mode: to read, write and, in a directory, search.
_GROUP_SHIFT, _READ, _USE_FILE, _USE_DIRECTORY = 3, 4, 6, 7


def check_owner(about: str, path: str, files: Sequence[str], owner_of: str) -> Iterator[Finding]:
    """
    Files of a store that are not its node's. Root's files are, as far as their modes are like that,
    an error: the node cannot open its store. Those of a third user may be right.

    :param path: of the store, `files` of which belong to it.
    :param owner_of: the owner of this is expected to own them.
    """
    owner = os.stat(owner_of)
    found = ((each, os.stat(each)) for each in files)
    foreign = {each: status for each, status in found if status.st_uid != owner.st_uid}
    if not foreign:
        return
    told = f"{_belong(foreign)}, and {owner_of} to {name_of(owner.st_uid)}"
    giving = f"as root {gift(owner.st_uid, path, foreign)}"
    if users := _other_users(foreign, owner_of):
        yield warning(about, f"{told}: {_choice(users, owner, giving)}", NOW)
        return
    mend = partial(give, list(foreign), owner)
    needed = [status for each, status in foreign.items() if _is_needed(each, path)]
    if any(_shuts_out(status, owner) for status in needed):
        yield error(about, f"{told}, who cannot use the store: {giving}", NOW, mend)
    else:
        yield warning(about, f"{told}: {giving}", OPEN, mend)


def _belong(foreign: Mapping[str, os.stat_result]) -> str:
    names = ", ".join(map(os.path.basename, foreign))
    owners = sorted({name_of(status.st_uid) for status in foreign.values()})
    return f"{names} {'belongs' if len(foreign) == 1 else 'belong'} to {' and '.join(owners)}"


def _other_users(foreign: Mapping[str, os.stat_result], owner_of: str) -> list[str]:
    """Whom the files may belong to by right: the node may run as another user."""
    uids = {status.st_uid for status in foreign.values()}
    return sorted(name_of(uid) for uid in uids if rightful_owner(uid, owner_of) is None)


def _choice(users: Sequence[str], owner: os.stat_result, giving: str) -> str:
    running = f"run the node as {users[0]}"
    # Root can use what is anybody's.
    if owner.st_uid == 0:
        return running
    return f"{running}; if it runs as {name_of(owner.st_uid)}, {giving}"


def _is_needed(file: str, path: str) -> bool:
    """Whether the store is opened with it. What else has a name like that may be a backup."""
    return f"{file}/".startswith(f"{path}/") or file.endswith(_BESIDE)


def check_configuration(path: str, node_dir: str) -> Finding:
    """The configuration in `path`, which the owner of the node directory has to be able to read."""
    status, owner = os.stat(path), os.stat(node_dir)
    home = rightful_owner(status.st_uid, node_dir)
    if home is None or not _lacks(status, owner, _READ):
        return ok("configuration", path)
    told = f"{path} belongs to {name_of(status.st_uid)}, and {node_dir} to {name_of(home)}"
    giving = gift(home, path, [path])
    return error("configuration", f"{told}, who cannot read it: as root {giving}")


def _shuts_out(status: os.stat_result, owner: os.stat_result) -> bool:
    """Whether the modes of a file of another user keep `owner` from using it."""
    return _lacks(status, owner, _USE_DIRECTORY if stat.S_ISDIR(status.st_mode) else _USE_FILE)


def _lacks(status: os.stat_result, owner: os.stat_result, needed: int) -> bool:
    bits = status.st_mode >> (_GROUP_SHIFT if status.st_gid == owner.st_gid else 0)
    return bits & needed != needed
