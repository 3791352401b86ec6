"""The command `cookietrack`: its commands, and what its exit codes mean."""

import errno
from importlib import import_module
from typing import Any

import click

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
# In the order of `cookietrack --help`, by the module of each.
_COMMANDS = {
    "stores": "catalogue",
    "ls": "listing",
    "show": "listing",
    "stat": "listing",
    "revoke": "removal",
    "purge": "removal",
    "verify": "verification",
    "migrate": "migration",
    "diagnose": "diagnosis",
}


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
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except CookieTrackError as error:
            raise Failure(error) from error
        except OSError as error:
            # The reader of our output has closed the pipe: click ends quietly then.
            if error.errno == errno.EPIPE:
                raise
            raise Failure(StoreUnavailable(str(error))) from error


def _epilog() -> str:
    codes = "\n".join(f"  {code}  {meaning}" for code, meaning in EXIT_CODES.items())
    return f"\b\nExit codes:\n{codes}"


@click.group(cls=Commands, epilog=_epilog())
@click.version_option(package_name="cookietrack-plugin", message="%(package)s %(version)s")
def main() -> None:
    """
    Look into cookie stores, end sessions, and move to another store.

    STORE is a node directory, of which the configuration is read (where it is left out: the one
    that Crossbar would take, which is $CROSSBAR_DIR, ./.crossbar or the current directory), or
    TYPE:LOCATION: lmdb:.cookies, file:cookies.dat, redis:redis://localhost/0.
    """
