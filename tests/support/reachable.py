"""Programs of this interpreter as another user, also where it is in a home that is closed."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from tests.support.missing import missing

# In mounts of its own: a folder with the interpreter alone covers the closed one.
SHADOW = 'mount --bind "$1" "$2" && mount --rbind "$3" "$4" && shift 4 && exec "$@"'


def as_user(user: int, group: int, folder: Path) -> list[str]:
    """
    What to put before a command, so that this user runs it and none else's groups.

    :param folder: an empty one, which the user can look into. Skips where it cannot be done.
    """
    ids = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups"]
    interpreter = Path(sys.base_prefix).resolve()
    closed = [path for path in interpreter.parents if not _is_open(path)]
    if not closed:
        return ids
    if not shutil.which("unshare") or subprocess.call(["unshare", "--mount", "true"]):
        missing(f"{closed[-1]} is closed to others, and mounts of its own are not allowed")
    place = folder / interpreter.relative_to(closed[-1])
    place.mkdir(parents=True)
    mounts = [str(each) for each in (interpreter, place, folder, closed[-1])]
    return ["unshare", "--mount", "sh", "-ec", SHADOW, "sh", *mounts, *ids]


def _is_open(path: Path) -> bool:
    return bool(os.stat(path).st_mode & stat.S_IXOTH)
