"""What somebody does who moves a node to another store as the README says."""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from cookietrack_plugin.admin.place import places
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.stores.kit.paging import records
from tests.admin.conftest import JOE, make_cookie, node_config

TOP = Path(__file__).parents[2]
PAGES = [TOP / "README.md", *(TOP / "docs").glob("*.md")]
[README_COMMAND] = re.findall(r"^    (cookietrack migrate .*)$", PAGES[0].read_text(), re.M)
WORDS = shlex.split(README_COMMAND)[1:]
FILE = {"type": "file", "filename": "cookies.dat"}
LMDB = {"type": "lmdb", "path": ".cookies"}
COOKIES = {cookie.id: cookie for cookie in (make_cookie("joe", JOE), make_cookie("stranger"))}


@pytest.fixture
def node(make_node, stores):
    """A node directory `.crossbar` here, with cookies in a file."""
    node = make_node(node_config(FILE), name=".crossbar")
    stores.make("file:.crossbar/cookies.dat", COOKIES.values())
    return node


def configure(node, *items):
    (node / "config.json").write_text(json.dumps(node_config(*items)))


def as_the_node(item, node):
    """What a node in this directory finds in the store of this item."""
    store = find_provider(item["type"]).open(item, str(node))
    found = {cookie.id: cookie for cookie in records(store)}
    store.close()
    return found


def test_the_readmes_command_fills_the_store_that_the_readmes_item_opens(run, node, here):
    answer = run(*WORDS)
    assert answer.code == 0
    assert not (here / ".cookies").exists()
    configure(node, LMDB)
    assert as_the_node(LMDB, node) == COOKIES
    assert {each["id"] for each in run("ls", "--json").lines} == set(COOKIES)


def test_the_item_to_paste_is_printed_and_opens_the_new_store(run, node):
    answer = run(*WORDS)
    [line] = [line for line in answer.out.splitlines() if line.startswith("store item")]
    item = json.loads(line.removeprefix("store item"))
    assert item == LMDB
    assert as_the_node(item, node) == COOKIES


def test_a_node_that_opens_something_else_is_warned_of_until_it_does_not(run, node):
    warning = f"{node}/config.json opens file:{node}/cookies.dat, and not TO: put the store item"
    assert warning in run(*WORDS).err
    found = run(*WORDS, "--json").json
    assert found["store"] == LMDB
    assert (found["config"], found["configured"]) == (f"{node}/config.json", False)

    configure(node, LMDB)
    answer = run("migrate", "file:cookies.dat", ".")
    assert (answer.code, answer.err) == (0, "")
    assert run("migrate", "file:cookies.dat", ".", "--json").json["configured"]


NAMES = {
    "beside it": lambda here, node: ".",
    "its directory": lambda here, node: ".crossbar",
    "its absolute directory": lambda here, node: str(node),
    "its configuration": lambda here, node: ".crossbar/config.json",
    "from elsewhere": lambda here, node: elsewhere(here, "../.crossbar"),
    "from within": lambda here, node: elsewhere(node.parent, ".", ".crossbar"),
    "by a link": lambda here, node: linked(here, node),
}


def elsewhere(here, name, directory="elsewhere"):
    (here / directory).mkdir(exist_ok=True)
    os.chdir(here / directory)
    return name


def linked(here, node):
    (here / "link").symlink_to(node)
    return elsewhere(here, "../link")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_from_wherever_and_however_the_node_is_named(run, here, node, name):
    answer = run("migrate", name(here, node), "lmdb:.cookies", "--json")
    assert (answer.code, answer.json["store"]) == (0, LMDB)
    assert as_the_node(LMDB, node) == COOKIES
    assert sorted(path.name for path in here.rglob(".cookies")) == [".cookies"]


@pytest.mark.parametrize("name", ["lmdb:{here}/apart", 'lmdb:{{"path": "{here}/apart"}}'])
def test_an_absolute_path_is_one(run, here, node, name):
    answer = run("migrate", ".", name.format(here=here), "--json")
    assert answer.json["store"] == {"type": "lmdb", "path": f"{here}/apart"}
    assert as_the_node(answer.json["store"], node) == COOKIES


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ("lmdb:sub/../.c", {"type": "lmdb", "path": "sub/../.c"}),
        ('lmdb:{"path": "x", "sync": false}', {"type": "lmdb", "path": "x", "sync": False}),
        ("sql:sqlite:///c.db", {"type": "sql", "url": "sqlite:///c.db"}),
        ("file:new.dat", {"type": "file", "filename": "new.dat"}),
    ],
)
def test_every_way_of_naming_to_is_read_as_the_node_reads_it(run, node, name, item):
    (node / "sub").mkdir()
    answer = run("migrate", ".", name, "--json")
    assert (answer.code, answer.json["store"]) == (0, item)
    assert as_the_node(item, node) == COOKIES


def test_back_again_and_once_more(run, node):
    run(*WORDS)
    configure(node, LMDB)
    assert run("migrate", ".", "file:back.dat").code == 0
    assert as_the_node({**FILE, "filename": "back.dat"}, node) == COOKIES
    again = run("migrate", ".", "file:back.dat", "--json").json
    assert (again["same"], again["created"], again["verified"]) == (2, 0, True)


def test_without_a_node_paths_begin_here_and_the_item_holds_anywhere(run, here, stores):
    stores.make("file:old.dat", COOKIES.values())
    found = run("migrate", "file:old.dat", "lmdb:.cookies", "--json").json
    assert found["store"] == {"type": "lmdb", "path": f"{here}/.cookies"}
    assert (found["config"], found["configured"]) == (None, False)
    found = run("migrate", "file:old.dat", "sql:sqlite:///c.db", "--json").json
    assert found["store"] == {"type": "sql", "url": f"sqlite:///{here}/c.db"}


def test_stores_named_from_beside_the_node_directory_are_told_from_those_it_opens(run, here, node):
    """The configuration was changed first, and the path read from the wrong directory."""
    configure(node, LMDB)
    answer = run("migrate", "file:.crossbar/cookies.dat", "lmdb:.cookies")
    assert answer.code == 0
    assert f"{node}/config.json opens lmdb:{node}/.cookies, and not TO" in answer.err
    assert f'{{"type": "lmdb", "path": "{here}/.cookies"}}' in answer.out


def test_a_password_is_not_printed(run, node, observed):
    answer = run("migrate", ".", "observed:redis://joe:secret@host/0")
    assert answer.code == 0
    assert "secret" not in answer.out + answer.err.replace("may be secret", "")
    assert "*** in the store item stands for what may be secret" in answer.err


def test_one_store_has_one_identity(here, node):
    (here / "link").symlink_to(node)
    names = ["file:.crossbar/cookies.dat", f"file:{node}/cookies.dat", "file:link/cookies.dat", "."]
    assert len({places(name)[0].identity for name in names}) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_a_store_from_another_directory(page):
    """Whoever stands beside `.crossbar` may copy every example."""
    commands = re.findall(
        r"cookietrack (?:migrate|ls|stat|verify|purge|revoke) [^`\n]*", page.read_text()
    )
    relative = [each for each in commands if re.search(r"(lmdb|file|database):(?!/)\S", each)]
    wrong = [each for each in relative if not re.search(r"migrate .*(?<=\s)\.(?=\s|$)", each)]
    assert wrong == []
