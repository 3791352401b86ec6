"""Every command, configuration and link that the pages show: what somebody copies has to work."""

import ast
import json
import re
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import click
import pytest

from cookietrack_plugin.admin.cli import main
from cookietrack_plugin.router.newnode import init
from tests.support.markdown import PAGES, TOP, blocks, indented, name_of, typed_lines
from tests.support.missing import missing
from tests.support.shown import check_json, parsed

# Commands of Crossbar's that the pages name, with the options that these have.
CROSSBARS = {
    "check": {"--cbdir", "--strict"},
    "start": {"--cbdir"},
    "stop": {"--cbdir"},
    "status": {"--cbdir"},
}
# Shown, and no configuration: answers, a backup, what an authenticator gives.
OTHER_JSON = (
    '{"status"',
    '{"cookietrack_backup"',
    '{"role": "user", "extra"',
    '{"worker": "worker001"',
    '{"cookies": [',
)
# Of packages that are not installed here: each is compared with its own example.
OTHER_STORES = ("rocksdb", "etcd")
# Of the package that a tutorial makes: tests/install/test_first_store.py follows it.
NOTES = '{"type": "notes", "path": "cookies"}'

TYPED = [(page, line) for page in PAGES for line in typed_lines(page)]
JSON = [(page, code) for page in PAGES for code in blocks(page, "json")]
FRAGMENTS = [(page, code) for page in PAGES for code in indented(page) if code[0] in '{"']


def of(program: str) -> list[str]:
    """The lines that call a program, as whom and from where ever."""
    as_another = r"sudo (?:-u \w+ |systemd-run (?:-\S+ )+)?|podman exec \w+ "
    pattern = rf"(?:{as_another})?(?:\S*/)?({program}) .*"
    found = [re.fullmatch(pattern, line) for _, line in TYPED]
    return sorted({each[0][each.start(1) :] for each in found if each})


@pytest.fixture(autouse=True)
def passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("COOKIE_DB_PASSWORD", "COOKIE_REDIS_PASSWORD"):
        monkeypatch.setenv(variable, "secret")


@pytest.mark.parametrize("line", of("cookietrack"))
def test_the_command_understands_the_line(line: str, tmp_path: Path) -> None:
    backup = tmp_path / "cookies.jsonl"
    backup.touch()
    words = [str(backup) if word.endswith(".jsonl") else word for word in line.split()[1:]]
    if words[0].startswith("-"):
        return
    found = main.get_command(click.Context(main), words[0])
    assert found is not None
    assert found.make_context(words[0], words[1:]).args == []


@pytest.mark.parametrize("line", of("crossbar-cookietrack"))
def test_the_launcher_understands_the_line(line: str) -> None:
    command, *words = line.split()[1:]
    if command == "init":
        assert init.make_context(command, words).args == []
    else:
        assert {word for word in words if word.startswith("-")} <= CROSSBARS[command]


@pytest.mark.parametrize("line", of("make"))
def test_the_target_is_in_the_makefile(line: str) -> None:
    target = line.split()[1]
    assert re.search(rf"^{target}:", (TOP / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", of("pip"))
def test_the_extras_are_there(line: str) -> None:
    settings = ConfigParser()
    settings.read(TOP / "setup.cfg")
    for extras in re.findall(r"cookietrack-plugin\[([^]]*)\]", line):
        assert set(extras.split(",")) <= set(settings["options.extras_require"])


def test_files_of_the_repository_that_lines_name_are_there() -> None:
    words = {word.strip('"') for _, line in TYPED for word in line.split()}
    named = {word.partition("[")[0] for word in words if word.startswith("node_examples/")}
    assert named
    assert [word for word in named if not (TOP / word.removesuffix("/.crossbar")).exists()] == []


def store_in(code: str) -> dict[str, Any]:
    """The `store` item that a text is or has; an empty one without."""
    found = parsed(code)
    store = found.get("store", found) if isinstance(found, dict) else {}
    return store if isinstance(store, dict) else {}


@pytest.mark.parametrize(("page", "code"), JSON, ids=map(name_of, (page for page, _ in JSON)))
def test_the_check_accepts_the_configuration(page: Path, code: str) -> None:
    if (store := store_in(code)).get("type") in OTHER_STORES:
        example = TOP / "node_examples" / "stores" / store["type"]
        texts = [file.read_text() for file in example.rglob("*") if file.suffix in (".json", ".py")]
        provider = next(text for text in texts if "def check(self, options" in text)
        # All that the example's check knows is named in it, and nothing else is shown.
        assert [key for key in store if f'"{key}"' not in provider] == []
    elif code.strip() != NOTES:
        assert check_json(code)


@pytest.mark.parametrize(
    ("page", "code"), FRAGMENTS, ids=map(name_of, (page for page, _ in FRAGMENTS))
)
def test_the_check_accepts_the_part_of_a_configuration(page: Path, code: str) -> None:
    if not code.startswith(OTHER_JSON):
        assert check_json(code)


def test_a_configuration_that_is_wrong_is_found() -> None:
    with pytest.raises(Exception, match="max_agee"):
        check_json('{"type": "websocket", "cookie": {"max_agee": 1}}')
    with pytest.raises(ValueError, match="no part"):
        check_json('{"unknown": 1}')


@pytest.mark.parametrize(
    "code", [code for page in PAGES for code in blocks(page, "python")], ids=lambda code: code[:30]
)
def test_the_python_is_python(code: str) -> None:
    ast.parse(code)


def test_the_javascript_is_javascript(tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        missing("node is not installed (Debian: apt install nodejs)")
    shown = [code for page in PAGES for name in ("javascript", "js") for code in blocks(page, name)]
    assert any("autobahn.Connection" in code for code in blocks(TOP / "README.md", "js"))
    for number, code in enumerate(shown):
        file = tmp_path / f"{number}.mjs"
        file.write_text(code)
        subprocess.run([node, "--check", file], check=True)


# autobahn-js, the page and the clock of a browser, as far as the tutorial's client uses them.
STAND_INS = """
const tries = [];
class Connection {
  constructor(options) { this.options = options; }
  open() { tries.push("open"); }
}
const autobahn = { Connection };
const show = () => {};
const askForTicket = () => "secret";
const setTimeout = (call) => call();
"""
ENDS = {
    "wamp.error.authentication_failed": False,
    "wamp.close.logout": False,
    "wamp.close.goodbye_and_out": False,
    "cookietrack.error.login_not_stored": True,
    "cookietrack.close.expired": True,
}


def test_the_tutorials_client_tries_again_unless_the_user_is_refused_or_out(tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        missing("node is not installed (Debian: apt install nodejs)")
    [code] = blocks(TOP / "docs" / "tutorials" / "first-login.md", "javascript")
    asked = f"""
    const ends = {json.dumps([*ENDS, None])}.map((reason) => {{
      tries.length = 0;
      return [reason, connection.onclose("closed", {{ reason }}), tries.length > 0];
    }});
    const {{ authmethods, onchallenge }} = connection.options;
    console.log(JSON.stringify([authmethods, onchallenge(), ends]));
    """
    (tmp_path / "client.mjs").write_text(STAND_INS + code + asked)
    done = subprocess.run([node, tmp_path / "client.mjs"], capture_output=True, check=True)
    # What `onclose` gives says whether autobahn-js itself may try again.
    ends = [[reason, True, is_tried] for reason, is_tried in ENDS.items()]
    assert json.loads(done.stdout) == [
        ["cookie", "ticket"],
        "secret",
        [*ends, [None, False, False]],
    ]


def test_the_readmes_client_connects_and_asks_once(tmp_path: Path) -> None:
    if not (node := shutil.which("node")):
        missing("node is not installed (Debian: apt install nodejs)")
    [code] = blocks(TOP / "README.md", "js")
    asked = "console.log(JSON.stringify([tries, connection.options.onchallenge()]));"
    window = 'const window = { prompt: () => "secret" };'
    (tmp_path / "client.mjs").write_text(STAND_INS + window + code + asked)
    done = subprocess.run([node, tmp_path / "client.mjs"], capture_output=True, check=True)
    assert json.loads(done.stdout) == [["open"], "secret"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / unquote(link)).exists()] == []
