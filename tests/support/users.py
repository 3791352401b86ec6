"""The command `cookietrack` as a user runs it who owns nothing."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from servers.process import new_folder
from tests.support.missing import missing

ENOUGH_S = 60
# All is imported before: the interpreter may be where only root can read.
PROGRAM = """
import os, pkgutil, sys
from importlib import import_module
import cookietrack_plugin.admin as admin
for module in pkgutil.iter_modules(admin.__path__):
    if not module.name.startswith("_"):
        import_module(f"cookietrack_plugin.admin.{module.name}")
import rich.console, rich.text, rich.cells, sqlite3, sqlalchemy.dialects.sqlite, yaml
from cookietrack_plugin.config.registry import find_provider
for each in ("file", "lmdb", "sql"):
    find_provider(each)
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
from cookietrack_plugin.admin.cli import main
main.main(sys.argv[3:], "cookietrack")
"""


def nobody() -> pwd.struct_passwd:
    """A user who owns nothing."""
    return pwd.getpwnam("nobody")


def need_root() -> None:
    """Skip the test where another user's name cannot be taken; fail where `CI=true`."""
    if os.geteuid() != 0:
        missing("another user's rights need root")


def run_as_nobody(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What `cookietrack` with these words answers nobody in `directory`."""
    ids = [str(nobody().pw_uid), str(nobody().pw_gid)]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *ids, *words],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=ENOUGH_S,
        check=False,
    )


def call_as_nobody(call: Callable[[], object]) -> bool:
    """Whether it raises nothing in a process of nobody's, which has imported what we have."""
    if pid := os.fork():
        return os.waitpid(pid, 0)[1] == 0
    failed = 1
    with suppress(BaseException):
        os.setgroups([])
        os.setgid(nobody().pw_gid)
        os.setuid(nobody().pw_uid)
        call()
        failed = 0
    os._exit(failed)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder of root's that others can look into, as they cannot into pytest's."""
    folder = new_folder("users", None)
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
