"""`cookietrack schema`: the JSON Schema of the `cookie` item, for editors and other programs."""

import click

from cookietrack_plugin.config.itemschema import cookie_schema_text


@click.command()
def schema() -> None:
    """
    Print the JSON Schema of the cookie item.

    It is made from what `crossbar-cookietrack check` checks, which knows more: the options of each
    store, for example, and what is not safe.
    """
    click.echo(cookie_schema_text(), nl=False)
