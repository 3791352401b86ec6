"""Ids of cookies on the command line, and the errors about what is no id."""

import os
from collections.abc import Iterator, Sequence

import click

from cookietrack_plugin.admin.params import Command, complete_store
from cookietrack_plugin.admin.text import counted
from cookietrack_plugin.interfaces import ICookieStore
from cookietrack_plugin.record import is_id


class TakesIds(click.Command):
    """A command with ids among its arguments: one in 64 begins with a dash, and is no option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        takers = {name for each in self.params if _takes_value(each) for name in each.opts}
        kept: list[str] = []
        dashed: list[str] = []
        for previous, word in zip(["", *args], args, strict=False):
            is_dashed = word.startswith("-") and is_id(word) and previous not in takers
            (dashed if is_dashed else kept).append(word)
        if dashed and "--" not in args:
            args = [*kept, "--", *dashed]
        return super().parse_args(ctx, args)


def _takes_value(param: click.Parameter) -> bool:
    return isinstance(param, click.Option) and not param.is_flag


def names_argument(command: Command) -> Command:
    """`[STORE] [ID]...`: for `split_names`."""
    argument = click.argument(
        "names", nargs=-1, metavar="[STORE] [ID]...", shell_complete=complete_store
    )
    return argument(command)


def split_names(names: Sequence[str]) -> tuple[str | None, list[str]]:
    """
    The store's name, None without one, and the ids. A store's name of that form is written ./NAME.

    :raises UsageError: another name than the first is no id.
    """
    store = names[0] if names and not is_id(names[0]) else None
    ids = list(names[store is not None :])
    for position, name in enumerate(ids, 1 + (store is not None)):
        if not is_id(name):
            raise click.UsageError(_no_id(name, position))
    return store, list(dict.fromkeys(ids))


def mistaken(store: str | None) -> str:
    """What to add where ids are missed: the name that was taken for a store's is likely one."""
    if store is None or ":" in store or os.path.exists(store):
        return ""
    # Not shown, as below.
    return (
        f": a text of {counted(len(store), 'character')} is taken for STORE, as it is no id,"
        " which has 24 of A-Z, a-z, 0-9, - and _"
    )


def _no_id(name: str, position: int) -> str:
    if ":" in name:
        kind = name.partition(":")[0]
        return f"STORE comes first, and ids follow: found {kind}: at position {position}"
    # The text is not shown: it may be the value of a cookie, which logs in.
    return (
        "expected the id of a cookie, which has 24 characters of A-Z, a-z, 0-9, - and _, as"
        f" `cookietrack ls` shows it; found a text of {counted(len(name), 'character')} at"
        f" position {position}. A user is named with --authid, and a cookie never by its value"
    )


def values_among(cookies: ICookieStore, ids: Sequence[str]) -> Iterator[str]:
    """
    A warning for each of `ids` that is no id but the value of a cookie in the store. Values have
    the same form as ids by default, and a browser shows values.

    :raises StoreUnavailable: the engine does not answer.
    """
    # Werkzeug, which this imports, would slow down every other command.
    from cookietrack_plugin.header import id_of

    for found in cookies.load([id_of(id) for id in ids]):
        yield (
            f"what was named is the secret value of the cookie {found}, with which anybody can log"
            " in: name it by this id, and remove the value from your shell's history"
        )
