"""The node directory that a command line names, and whether it has a configuration."""

import argparse
import os
from collections.abc import Sequence

from cookietrack_plugin.stores.kit.permissions import denied, is_hidden

# Those of Crossbar's commands that cannot go on without one. `start` starts an empty node.
READERS = ("check", "convert", "upgrade")
HELP = frozenset({"-h", "--help"})
CONFIG_FILES = ("config.yaml", "config.json")
NAMES = " or ".join(reversed(CONFIG_FILES))


def complaint(args: Sequence[str]) -> str | None:
    """
    Why Crossbar's command `args` finds no configuration, and what to do; None if it finds one.

    A likely slip is to name the folder of an application instead of its node directory.
    """
    if not args or args[0] not in (*READERS, "start") or not HELP.isdisjoint(args):
        return None
    options = _options(args[1:])
    directory = _directory(options.cbdir)
    if options.config or _has_config(directory):
        return None
    below = os.path.join(directory, ".crossbar")
    for each in (directory, below):
        if is_hidden(path := os.path.abspath(each)):
            return f"{each} cannot be read: {denied(path)}"
    if _has_config(below):
        return f"there is no {NAMES} in {directory}, but in {below}: expected --cbdir {below}"
    if args[0] == "start":
        return None
    return f"there is no {NAMES} in {directory}: crossbar-cookietrack init makes a node directory"


def _options(args: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False)
    # Without a value they are for Crossbar's own parser to refuse.
    parser.add_argument("--cbdir", nargs="?")
    parser.add_argument("--config", nargs="?")
    return parser.parse_known_args(args)[0]


def _directory(cbdir: str | None) -> str:
    """As Crossbar finds it."""
    default = ".crossbar" if os.path.isdir(".crossbar") else "."
    directory = cbdir or os.environ.get("CROSSBAR_DIR", default)
    return os.path.dirname(directory) or "." if os.path.isfile(directory) else directory


def _has_config(directory: str) -> bool:
    return any(os.path.isfile(os.path.join(directory, name)) for name in CONFIG_FILES)
