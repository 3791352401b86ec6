"""The command `cookietrack`: its commands, and what its exit codes mean."""

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NoReturn

import click

from cookietrack_plugin.admin.output import NobodyReads, discard_output, is_unread
from cookietrack_plugin.admin.supervisor import supervise
from cookietrack_plugin.errors import (
    ConfigError,
    CookieTrackError,
    StoreCorrupt,
    StoreFull,
    StoreUnavailable,
)

EXIT_CODES = {
    0: "done",
    1: "something is wrong or not there: see what was printed",
    2: "the command line or the node's configuration is wrong; nothing was done",
    3: "the store cannot be used now: locked, not there, not answering, or full",
    4: "what lies at the store's place is damaged, foreign, or of a newer version",
}
_CODES: list[tuple[type[CookieTrackError], int]] = [
    (ConfigError, 2),
    (StoreUnavailable, 3),
    (StoreFull, 3),
    (StoreCorrupt, 4),
    (CookieTrackError, 1),
]
_HELP = ["-h", "--help"]
# In the order of `cookietrack --help`, by the module of each.
_COMMANDS = {
    "stores": "catalogue",
    "ls": "listing",
    "count": "listing",
    "show": "listing",
    "stat": "listing",
    "revoke": "removal",
    "purge": "removal",
    "watch": "watching",
    "verify": "verification",
    "migrate": "migration",
    "backup": "backup",
    "restore": "restoration",
    "diagnose": "diagnosis",
    "schema": "itemschema",
    "conformance": "conformance",
}


# What other programs call the same, for a suggestion.
_SYNONYMS = {
    "ls": ("list", "find", "dir", "search", "users", "cookies", "sessions", "devices"),
    "count": ("wc", "len", "number"),
    "show": ("get", "cat", "view", "print"),
    "stat": ("stats", "info", "size", "du", "df"),
    "revoke": ("rm", "del", "delete", "remove", "end", "kill", "logout", "drop", "clear"),
    "purge": ("expire", "clean", "prune", "gc", "vacuum", "sweep"),
    "watch": ("tail", "follow", "monitor", "events", "log"),
    "verify": ("fsck", "repair", "validate", "scan"),
    "migrate": ("cp", "copy", "mv", "move", "convert", "transfer", "import"),
    "backup": ("dump", "export", "save"),
    "restore": ("load", "recover", "import"),
    "diagnose": ("doctor", "fix", "test", "health"),
    "stores": ("types", "backends", "drivers"),
    "conformance": ("kit", "conform", "certify"),
}
# Of `crossbar-cookietrack`, whose name begins like ours ends.
_OF_NODES = ("init", "start", "stop", "status", "check", "upgrade", "keygen", "keys")


class Failure(click.ClickException):
    """One of our errors, as one line on stderr and an exit code."""

    def __init__(self, error: CookieTrackError) -> None:
        super().__init__(" ".join(str(error).split()))
        code = next(code for kind, code in _CODES if isinstance(error, kind))
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance


class Commands(click.Group):
    """A group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = import_module(f"cookietrack_plugin.admin.{_COMMANDS[name]}")
        command: click.Command = getattr(module, name)
        command.context_settings.setdefault("help_option_names", _HELP)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in _COMMANDS and not args[0].startswith("-"):
            ctx.fail(_no_such_command(args[0]))
        return super().resolve_command(ctx, args)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As a program. `main`, by itself, works in this process."""
        open_standard_streams()
        supervise(lambda: self.main(*args, **kwargs))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        try:
            return super().make_context(*args, **extra)
        # Of what --help and --version print.
        except BrokenPipeError:
            _end_unread()

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except NobodyReads:
            _end_unread()
        except CookieTrackError as error:
            raise Failure(error) from error
        except OSError as error:
            # Of a command's --help. A store's connection may break as well.
            if isinstance(error, BrokenPipeError) and is_unread():
                _end_unread()
            raise Failure(StoreUnavailable(str(error))) from error


def _no_such_command(name: str) -> str:
    said = f"No such command {name!r}."
    if ":" in name or os.path.exists(name):
        return f"{said} The command comes first, as in `cookietrack ls {name}`."
    if name == "help":
        return f"{said} See `cookietrack --help`, or `cookietrack ls --help` for one command."
    if name == "version":
        return f"{said} See `cookietrack --version`."
    if name in _OF_NODES:
        return f"{said} It is one for nodes: `crossbar-cookietrack {name}`."
    meant = [command for command, words in _SYNONYMS.items() if name.lower() in words]
    close = meant or get_close_matches(name.lower(), _COMMANDS, n=1)
    return f"{said} Did you mean {' or '.join(map(repr, close))}?" if close else said


def _end_unread() -> NoReturn:
    """A reader that has had enough, such as `head`, is no failure."""
    discard_output()
    sys.exit(0)


def open_standard_streams() -> None:
    """
    Where a standard stream is closed, open it to nowhere: the next file that is opened, such as a
    store's, would get its number, and what is printed.
    """
    closed = [number for number in range(3) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)
    if 0 in closed:
        sys.stdin = os.fdopen(0, "r", closefd=False)
    if 1 in closed:
        sys.stdout = os.fdopen(1, "w", closefd=False)
    if 2 in closed:
        sys.stderr = os.fdopen(2, "w", closefd=False)


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _epilog() -> str:
    codes = "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items())
    return f"\b\nExit codes:\n{codes}"


@click.group(cls=Commands, epilog=_epilog(), context_settings={"help_option_names": _HELP})
@click.version_option(package_name="cookietrack-plugin", message="%(package)s %(version)s")
def main() -> None:
    """
    Look into cookie stores, end sessions, and move to another store.

    STORE is a node directory, of which the configuration is read (where it is left out: the one
    that Crossbar would take, which is $CROSSBAR_DIR, ./.crossbar or the current directory), or
    TYPE:LOCATION: lmdb:.cookies, file:cookies.dat, redis:redis://localhost/0.

    ID is a cookie's id: 24 characters that `ls` shows. It is derived from the cookie's value, which
    only the browser has, and logs nobody in. Never name a cookie by its value.
    """
