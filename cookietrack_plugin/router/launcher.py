"""`crossbar-cookietrack`: every Crossbar command, with cookie-aware personalities."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from cookietrack_plugin.router.commandline import is_help, our_help, suggesting
from cookietrack_plugin.router.nodedirectory import complaint

PERSONALITIES = ("standalone", "edge", "master", "network")
# Crossbar's own commands that start no node and know no personality.
ELSEWHERE = ("shell", "quickstart", "quickstart-venv")
# Crossbar answers these two for its `master` personality, on a node of any personality.
INFORMATION = ("version", "legal")
# Of `check`: warnings are errors.
STRICT = "--strict"


def main() -> None:
    """The console script. Arguments are those of `crossbar`; never returns."""
    args = sys.argv[1:]
    if isinstance(sys.stdout, TextIOWrapper):
        # Crossbar's commands end without a flush: in a pipe or a file, their answers are lost.
        sys.stdout.reconfigure(line_buffering=True)
    if not args or args[0] in ELSEWHERE:
        import crossbar

        crossbar.run()
        return
    word = "standalone"
    if args[0] in PERSONALITIES:
        word, *args = args
    elif args[0] in INFORMATION:
        word = "master"
    if args[:1] == ["init"]:
        # Instead of Crossbar's template, which has no cookie item.
        from cookietrack_plugin.router.newnode import init

        init.main(args[1:], prog_name="crossbar-cookietrack init")
    if wrong := complaint(args):
        sys.exit(f"Error: {wrong}")
    around = our_help() if is_help(args) else suggesting(args)
    with around:
        run_node(f"cookietrack_plugin.router.personalities.{word}.Personality", args)


def run_node(personality: str, args: list[str]) -> None:
    """
    Run a Crossbar command with a personality; never returns.

    :param personality: dotted name of the class. A name and no class, because the reactor has to be
        installed before anything of Crossbar is imported, and because workers import it again.
    :param args: the command and its options, as after `crossbar`.
    """
    reactor = _install_reactor()
    _import_serializers()
    module, _, name = personality.rpartition(".")
    chosen = getattr(import_module(module), name)
    if args[:1] == ["check"] and STRICT in args:
        args = [each for each in args if each != STRICT]
        chosen = type(name, (chosen,), {"warnings_are_errors": True})
    from crossbar.node.main import main as crossbar_main

    sys.argv[1:] = args
    sys.exit(crossbar_main(sys.argv[0], args, reactor, chosen))


def _install_reactor() -> Any:
    from autobahn.twisted import install_reactor

    return install_reactor(
        explicit_reactor=os.environ.get("CROSSBAR_REACTOR"),
        verbose=False,
        require_optimal_reactor=False,
    )


def _import_serializers() -> None:
    """As Crossbar's own launcher does it, where it does: without NumPy's notice on stderr."""
    import crossbar

    getattr(crossbar, "_import_serializers_quietly", lambda: None)()
