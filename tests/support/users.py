"""The command `cookietrack` as a user runs it who owns nothing."""

import atexit
import json
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from servers.process import new_folder
from tests.support.missing import missing

ENOUGH_S = 60
# Forks for each line of JSON that it reads, and answers with an exit code: a start of the command
# takes more than a second of processor time, most of it for imports. All is imported before: the
# interpreter may be where only root can read.
PROGRAM = """
import json, os, pkgutil, signal, sys
from importlib import import_module
import cookietrack_plugin.admin as admin
for module in pkgutil.iter_modules(admin.__path__):
    if not module.name.startswith("_"):
        import_module(f"cookietrack_plugin.admin.{module.name}")
import rich.console, rich.text, rich.cells, sqlite3, sqlalchemy.dialects.sqlite, yaml
from cookietrack_plugin.config.registry import find_provider
for each in ("file", "lmdb", "sql"):
    find_provider(each)
from cookietrack_plugin.admin.cli import main
for line in sys.stdin:
    task = json.loads(line)
    pid = os.fork()
    if not pid:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
else:
    sys.exit()
signal.alarm(task["enough_s"])
for number, path in enumerate((os.devnull, task["stdout"], task["stderr"])):
    file = os.open(path, os.O_RDWR)
    os.dup2(file, number)
    os.close(file)
os.environ.clear()
os.environ.update(task["environ"])
os.chdir(task["directory"])
os.setgroups([])
os.setgid(task["gid"])
os.setuid(task["uid"])
main.main(task["words"], "cookietrack")
"""


def nobody() -> pwd.struct_passwd:
    """A user who owns nothing."""
    return pwd.getpwnam("nobody")


def need_root() -> None:
    """Skip the test where another user's name cannot be taken; fail where `CI=true`."""
    if os.geteuid() != 0:
        missing("another user's rights need root")


@cache
def _server() -> "subprocess.Popen[str]":
    """The process that forks, which ends with this one."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(process.communicate)
    return process


def run_as_nobody(directory: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """What `cookietrack` with these words answers nobody in `directory`."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    with tempfile.NamedTemporaryFile() as stdout, tempfile.NamedTemporaryFile() as stderr:
        task = {
            "directory": str(directory),
            "words": words,
            "uid": nobody().pw_uid,
            "gid": nobody().pw_gid,
            "environ": dict(os.environ),
            "stdout": stdout.name,
            "stderr": stderr.name,
            "enough_s": ENOUGH_S,
        }
        server.stdin.write(json.dumps(task) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        out, err = stdout.read().decode(), stderr.read().decode()
    return subprocess.CompletedProcess(words, code, out, err)


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
