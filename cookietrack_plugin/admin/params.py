"""The arguments and options that commands share, and how a shell completes them."""

import sys
from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem

from cookietrack_plugin.admin.node import NodeConfig, default_directory, read_node
from cookietrack_plugin.admin.place import Place, places
from cookietrack_plugin.config.registry import installed_types
from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.record import is_id

Command = Callable[..., Any]
# The key of `--cbdir` in click's context: it goes with every name of a node.
_CBDIR = f"{__name__}.cbdir"


class NotConfirmed(click.ClickException):
    """Without `--yes` and without a terminal, nobody can be asked."""

    exit_code = 2


def complete_store(ctx: click.Context, param: click.Parameter, found: str) -> list[CompletionItem]:
    """Store types, and directories by the shell."""
    types = [f"{each}:" for each in installed_types() if each.startswith(found)]
    return [*map(CompletionItem, types), CompletionItem(found, type="dir")]


def complete_transport(ctx: click.Context, param: click.Parameter, found: str) -> list[str]:
    """The transports of the node that stands before it, or of the default one."""
    # The option that is being completed has no value yet, so click has not got to the arguments.
    stores = [name for name in ctx.args if not is_id(name)][param.name == "to_transport" :]
    try:
        tracked = read_node(stores[0] if stores else default_directory()).transports()
    except ConfigError:
        return []
    return [each.name for each in tracked if each.name.startswith(found)]


def store_argument(command: Command) -> Command:
    """`[STORE]`: a name for `the_place`."""
    return click.argument("store", required=False, shell_complete=complete_store)(command)


def node_options(command: Command) -> Command:
    """`--transport NAME`: which store of a node; and `cbdir_option`."""
    option = click.option(
        "--transport",
        metavar="NAME",
        shell_complete=complete_transport,
        help="The store of this transport (or of those below this worker), if a node has several.",
    )
    return option(cbdir_option(command))


def cbdir_option(command: Command) -> Command:
    """`--cbdir DIRECTORY`: the node directory, for `cbdir`."""
    option = click.option(
        "--cbdir",
        metavar="DIRECTORY",
        type=click.Path(exists=True, file_okay=False),
        expose_value=False,
        callback=lambda ctx, param, value: ctx.meta.update({_CBDIR: value}),
        help="The node directory, as Crossbar's option: where relative paths begin, if the"
        " configuration lies elsewhere.",
    )
    return option(command)


def cbdir() -> str | None:
    """What `--cbdir` says in the command that runs."""
    context = click.get_current_context(silent=True)
    return context.meta.get(_CBDIR) if context else None


def json_option(command: Command) -> Command:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def yes_option(command: Command) -> Command:
    """`--yes`: for `confirm`."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(command)


def the_place(
    name: str | None,
    transport: str | None,
    option: str = "--transport",
    base: NodeConfig | None = None,
) -> Place:
    """
    The one store that the arguments stand for; asks where there are several, and somebody to ask.

    :param option: the one that chooses, for the message.
    :param base: the node that a relative LOCATION is read by.
    :raises ConfigError: there is none, or several and nobody to ask.
    """
    found = places(name, transport, base, cbdir())
    if len(found) == 1:
        return found[0]
    if not is_terminal():
        choice = "; ".join(f"{each.transports[0]} ({each.label})" for each in found)
        raise ConfigError(f"the node has {len(found)} stores, choose with {option}: {choice}")
    for number, each in enumerate(found, 1):
        click.echo(f"{number}  {each.label}  {', '.join(each.transports)}", err=True)
    number = click.prompt("Which store", type=click.IntRange(1, len(found)), err=True)
    return found[number - 1]


def confirm(question: str, yes: bool) -> None:
    """
    Ask before something is lost.

    :param yes: the answer is known to be yes.
    :raises NotConfirmed: there is nobody to ask.
    :raises Abort: the answer is no.
    """
    if yes:
        return
    if not is_terminal():
        raise NotConfirmed(f"{question} No terminal to ask on: pass --yes. Nothing was changed")
    click.confirm(question, abort=True, err=True)


def is_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()
