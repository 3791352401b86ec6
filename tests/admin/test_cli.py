"""The command as a whole: start-up, help, errors, exit codes, completion."""

import subprocess
import sys
from pathlib import Path

import pytest

from cookietrack_plugin.admin import cli, params
from cookietrack_plugin.admin.cli import EXIT_CODES
from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.commandline import COMMANDS as COMMANDS_OF_NODES
from cookietrack_plugin.router.commandline import STORE_COMMANDS
from tests.admin.conftest import make_cookie, node_config

COMMANDS = [
    "conformance",
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
]
PROGRAM = str(Path(sys.executable).parent / "cookietrack")


def test_neither_the_router_nor_a_driver_is_imported_before_it_is_needed():
    code = (
        "import sys, click; from cookietrack_plugin.admin.cli import main\n"
        "[main.get_command(click.Context(main), name) for name in main.list_commands(None)]\n"
        "print([name for name in sys.modules if '.' not in name])"
    )
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    for name in ("crossbar", "autobahn", "twisted", "rich", "yaml", "lmdb", "werkzeug"):
        assert f"'{name}'" not in imported


def test_the_help_names_every_command_and_every_exit_code(run):
    answer = run("--help")
    assert [f"\n  {name} " in answer.out for name in COMMANDS] == [True] * len(COMMANDS)
    for code, meaning in EXIT_CODES.items():
        assert f"  {code}  {meaning}\n" in answer.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_and_speaks_json(run, command):
    answer = run(command, "--help")
    assert answer.code == 0
    assert "--json" in answer.out


def test_the_version_is_that_of_the_distribution(run):
    assert run("--version").out.startswith("cookietrack-plugin ")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("lst", " Did you mean 'ls'?"),
        ("LS", " Did you mean 'ls'?"),
        ("list", " Did you mean 'ls'?"),
        ("verfiy", " Did you mean 'verify'?"),
        ("delete", " Did you mean 'revoke'?"),
        ("doctor", " Did you mean 'diagnose'?"),
        ("users", " Did you mean 'ls'?"),
        ("export", " Did you mean 'backup'?"),
        ("import", " Did you mean 'migrate' or 'restore'?"),
        ("version", " See `cookietrack --version`."),
        ("help", " See `cookietrack --help`, or `cookietrack ls --help` for one command."),
        ("start", " It is one for nodes: `crossbar-cookietrack start`."),
        ("check", " It is one for nodes: `crossbar-cookietrack check`."),
        ("xyzzy", ""),
        ("lmdb:x", " The command comes first, as in `cookietrack ls lmdb:x`."),
        ("node", " The command comes first, as in `cookietrack ls node`."),
    ],
)
def test_a_mistyped_command_is_answered_with_the_one_that_is_meant(run, here, name, hint):
    (here / "node").mkdir()
    answer = run(name)
    assert (answer.code, answer.error) == (2, f"No such command {name!r}.{hint}")


@pytest.mark.parametrize("words", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_has_a_short_name(run, words):
    assert (run(*words, "-h").code, run(*words, "-h").out) == (0, run(*words, "--help").out)


def test_the_help_tells_in_one_line_what_a_command_does(run):
    commands = run("--help").out.partition("Commands:")[2].partition("Exit codes")[0]
    assert "..." not in commands


def test_each_of_the_two_programs_knows_the_commands_of_the_other():
    assert tuple(cli._COMMANDS) == STORE_COMMANDS
    assert set(cli._OF_NODES) < set(COMMANDS_OF_NODES)


def test_every_synonym_stands_for_a_command():
    assert set(cli._SYNONYMS) == set(COMMANDS)
    words = [word for meant in cli._SYNONYMS.values() for word in meant]
    # Of what is imported, one is a file, the other a store.
    assert [word for word in words if words.count(word) > 1] == ["import"] * 2
    assert not set(words) & set(COMMANDS)
    assert not set(words) & set(cli._OF_NODES)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["ls", "lmdp:x"], 2, "unknown store type 'lmdp': expected one of"),
        (["ls", "lmdb:"], 2, 'expected a string that is not empty, found ""'),
        (["ls", "nowhere"], 2, "'nowhere' is neither a node directory nor a store"),
        (["ls", "lmdb"], 2, "'lmdb' is a store type: expected lmdb:LOCATION"),
        (["conformance", "memory"], 2, "'memory' is a store type: expected memory:"),
        (["ls"], 2, "no config.yaml or config.json in"),
        (["stat", "lmdb:nowhere"], 3, "there is no store at lmdb:"),
        (["stat", "memory:"], 3, "in its worker's memory alone: no running node has it open"),
        (["stat", "file:foreign"], 4, "foreign is no cookie file"),
        (["ls", "--limit", "0", "lmdb:x"], 2, "0 is not in the range"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(run, here, words, code, message):
    (here / "foreign").write_text("Dear Sir or Madam\n")
    answer = run(*words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.error
    assert "memory:LOCATION" not in answer.error


def test_what_the_system_refuses_is_one_line_too(run, here):
    here.rmdir()
    answer = run("ls", "lmdb:x")
    assert (answer.code, answer.error) == (3, "[Errno 2] No such file or directory")


def test_a_node_with_several_stores_asks_for_the_transport(run, make_node):
    node = make_node(node_config({"type": "lmdb", "path": "a"}, {"type": "lmdb", "path": "b"}))
    answer = run("ls", str(node))
    assert answer.code == 2
    assert answer.error == (
        "the node has 2 stores, choose with --transport:"
        f" worker001/transport001 (lmdb:{node}/a); worker001/transport002 (lmdb:{node}/b)"
    )


def test_on_a_terminal_the_store_is_asked_for(run, make_node, stores, terminal):
    node = make_node(node_config({"type": "lmdb", "path": "a"}, {"type": "lmdb", "path": "b"}))
    stores.make("lmdb:node/b", [make_cookie("x")])
    answer = run("ls", str(node), "--json", input="3\n2\n")
    assert answer.lines[0]["id"] == id_of("x")
    assert "1  lmdb:" in answer.err
    assert "3 is not in the range" in answer.err


def test_without_a_name_it_is_the_node_that_crossbar_would_take(run, make_node, stores):
    make_node(node_config({"type": "lmdb", "path": "c"}), name=".crossbar")
    stores.make("lmdb:.crossbar/c", [make_cookie("x")])
    assert [each["id"] for each in run("ls", "--json").lines] == [id_of("x")]


def test_an_id_has_the_form_that_the_door_gives_it():
    assert params.is_id(id_of("x"))
    assert not params.is_id(id_of("x")[1:])


def complete(*words: str) -> list[str]:
    """What bash is offered for the last of `words`."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "_COOKIETRACK_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["cookietrack", *words]),
        "COMP_CWORD": str(len(words)),
    }
    answer = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True)
    return answer.stdout.splitlines()


def test_a_shell_completes_commands_store_types_and_transports(here, make_node):
    assert complete("st") == ["plain,stores", "plain,stat"]
    assert {"plain,lmdb:", "plain,file:"} < set(complete("ls", ""))
    assert complete("migrate", "lm") == ["plain,lmdb:", "dir,lm"]
    node = str(make_node(node_config({"type": "lmdb", "path": "a"}, {"type": "memory"})))
    transports = ["plain,worker001/transport001", "plain,worker001/transport002"]
    assert complete("ls", node, "--transport", "w") == transports
    assert complete("revoke", node, "--transport", "w") == transports
    assert complete("migrate", "file:x", node, "--to-transport", "w") == transports
    assert complete("migrate", "file:x", node, "--from-transport", "w") == [""]
    assert complete("ls", "nowhere", "--transport", "w") == [""]


def test_completion_is_installed_by_the_line_that_the_documentation_has():
    for shell in ("bash", "zsh", "fish"):
        environment = {"PATH": "/usr/bin:/bin", "_COOKIETRACK_COMPLETE": f"{shell}_source"}
        script = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True)
        assert "_COOKIETRACK_COMPLETE" in script.stdout
