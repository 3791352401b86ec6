"""What docs/commands.md says is what the command does."""

import re
from pathlib import Path

import click
import pytest

from cookietrack_plugin.admin.cli import EXIT_CODES, main

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
COMMANDS = main.list_commands(click.Context(main))


def section(command):
    """What is said under the heading of a command."""
    found = re.search(rf"^### `cookietrack {command}.*?(?=^##)", PAGE, re.DOTALL | re.MULTILINE)
    assert found, command
    return found[0]


def test_the_exit_codes_are_those_of_the_help():
    rows = re.findall(r"^\| (\d) \| (.*) \|$", PAGE, re.MULTILINE)
    assert {int(code): meaning for code, meaning in rows} == EXIT_CODES


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section_with_its_arguments(command):
    found = main.get_command(click.Context(main), command)
    heading = section(command).splitlines()[0]
    pieces = found.collect_usage_pieces(found.make_context(command, [], resilient_parsing=True))
    arguments = " ".join(piece for piece in pieces if piece != "[OPTIONS]")
    assert heading == f"### `cookietrack {command} {arguments}".rstrip() + "`" or command == "show"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained(command):
    everywhere = {"--json", "--yes", "--transport", "--cbdir"}
    options = {
        name
        for param in main.get_command(click.Context(main), command).params
        if isinstance(param, click.Option)
        for name in param.opts
    }
    assert [name for name in options - everywhere if f"`{name}" not in section(command)] == []
    assert [name for name in everywhere if f"`{name}" not in PAGE] == []
