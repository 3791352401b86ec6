"""What Crossbar's own help and its answer to a mistyped command do not know of this package."""

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from difflib import get_close_matches
from io import StringIO

# `init` is ours, the others are Crossbar's; `check` has an option of ours.
COMMANDS = (
    "init",
    "start",
    "stop",
    "status",
    "check",
    "convert",
    "upgrade",
    "keygen",
    "keys",
    "version",
    "legal",
)
# Of the command `cookietrack`.
STORE_COMMANDS = (
    "stores",
    "ls",
    "count",
    "show",
    "stat",
    "revoke",
    "purge",
    "watch",
    "verify",
    "migrate",
    "backup",
    "restore",
    "diagnose",
    "schema",
    "conformance",
)
# What Crossbar says of `init`, wherever its lines break.
_INIT = re.compile(r"Initialize\s+a\s+new\s+Crossbar\.io\s+node\.")
_OURS = "Make a node directory with a store, a cookie and a page."
_EPILOG = """
Of cookietrack-plugin: `init` has other options (`init --help`), and `check --strict` takes warnings
for errors. What is in a store is the business of another command: `cookietrack --help`.
"""
# The exit code of a command line that argparse refuses.
_REFUSED = 2


def is_help(args: Sequence[str]) -> bool:
    """Whether Crossbar prints its list of commands."""
    return "--help" in args and all(each.startswith("-") for each in args)


@contextmanager
def our_help() -> Iterator[None]:
    """Crossbar's list of commands, which the block prints and ends, with what is ours in it."""
    text = StringIO()
    try:
        with redirect_stdout(text):
            yield
    finally:
        sys.stdout.write(_INIT.sub(_OURS, text.getvalue()) + _EPILOG)


@contextmanager
def suggesting(args: Sequence[str]) -> Iterator[None]:
    """Where the block ends as Crossbar knows no such command, name the one that is meant."""
    try:
        yield
    except SystemExit as end:
        if end.code == _REFUSED and (hint := _hint(args[0] if args else "-")) is not None:
            sys.stderr.write(f"{hint}\n")
        raise


def _hint(word: str) -> str | None:
    if word in COMMANDS or word.startswith("-"):
        return None
    if word in STORE_COMMANDS:
        return f"It is a command for stores: cookietrack {word}"
    close = get_close_matches(word.lower(), COMMANDS, n=1)
    return f"Did you mean {close[0]!r}?" if close else None
