"""Whose a store is after root has worked on it."""

import os
import stat

import pytest

from tests.admin.conftest import JOE, make_cookie, node_config
from tests.support.users import need_root, nobody, open_folder, run_as_nobody

COOKIES = [make_cookie("joe", JOE), make_cookie("stranger")]
TARGETS = {"lmdb:.cookies": ".cookies", "file:new.dat": "new.dat", "sql:sqlite:///c.db": "c.db"}


@pytest.fixture
def here(monkeypatch):
    """An empty working directory, which others can look into."""
    need_root()
    monkeypatch.delenv("CROSSBAR_DIR", raising=False)
    with open_folder() as folder:
        monkeypatch.chdir(folder)
        yield folder


@pytest.fixture
def node(make_node, stores):
    """A node directory of nobody's, with a store of its own."""
    node = make_node(node_config({"type": "file", "filename": "old.dat"}), name=".crossbar")
    stores.make("file:.crossbar/old.dat", COOKIES)
    give(node)
    return node


def give(*paths):
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, nobody().pw_uid, nobody().pw_gid)


def strangers(node):
    """What in the node directory is not its owner's, or open to others."""
    return [
        str(path.relative_to(node))
        for path in node.rglob("*")
        if path.stat().st_uid != nobody().pw_uid
        or (path.stat().st_mode & 0o077 and path.name != "config.json")
    ]


@pytest.mark.parametrize("target", TARGETS)
def test_what_root_migrates_to_is_the_nodes(run, node, target):
    assert run("migrate", ".", target).code == 0
    assert strangers(node) == []
    made = node / TARGETS[target]
    mode = 0o700 if made.is_dir() else 0o600
    assert stat.S_IMODE(made.stat().st_mode) == mode
    answer = run_as_nobody(node, "ls", target, "--json")
    assert answer.returncode == 0, answer.stderr
    assert len(answer.stdout.splitlines()) == 2


def test_what_was_roots_before_stays_roots(run, node, stores):
    """Nobody can tell it from what is none of the store's."""
    stores.make("lmdb:.crossbar/.cookies", COOKIES)
    before = strangers(node)
    assert before != []
    assert run("migrate", ".", "lmdb:.cookies").code == 0
    assert strangers(node) == before


@pytest.mark.parametrize("words", [["ls"], ["verify"], ["verify", "--repair", "--yes"]])
@pytest.mark.parametrize("kind", ["lmdb", "file", "sql"])
def test_a_place_that_is_no_store_gives_no_file_of_roots_away(run, here, kind, words):
    home = here / "home"
    home.mkdir()
    os.chown(home, nobody().pw_uid, nobody().pw_gid)
    (home / "x.mdb").write_text("root's")
    (here / "home.bak").write_text("root's")
    location = "sqlite:///home" if kind == "sql" else "home"
    assert run(words[0], f"{kind}:{location}", *words[1:]).code != 0
    assert (home / "x.mdb").stat().st_uid == 0
    assert (here / "home.bak").stat().st_uid == 0


def test_beside_what_root_makes_a_file_of_roots_stays_roots(run, here, stores):
    stores.make("lmdb:old", COOKIES)
    home = here / "home"
    home.mkdir()
    (home / "secret").write_text("root's")
    os.chown(home, nobody().pw_uid, nobody().pw_gid)
    assert run("migrate", "lmdb:old", "lmdb:home").code == 0
    owners = {path.name: path.stat().st_uid for path in home.iterdir()}
    assert owners.pop("secret") == 0
    assert set(owners.values()) == {nobody().pw_uid}


def test_a_store_that_root_repairs_or_looks_at_stays_its_owners(run, node, stores):
    stores.make("lmdb:.crossbar/.cookies", COOKIES)
    give(node)
    (node / ".cookies" / "lock.mdb").unlink()
    assert run("ls", f"lmdb:{node}/.cookies").code == 0
    assert strangers(node) == []
    damaged = node / "old.dat"
    damaged.write_bytes(damaged.read_bytes().replace(b"realm1", b"realm2"))
    assert run("verify", f"file:{damaged}", "--repair", "--yes").code == 0
    assert strangers(node) == []


def test_a_store_of_roots_own_stays_roots(run, here, stores):
    stores.make("lmdb:a", COOKIES)
    run("migrate", "lmdb:a", "lmdb:b")
    assert (here / "b").stat().st_uid == 0


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_link_to_a_file_of_roots_does_not_give_that_away(run, here, node, stores, link):
    secret = here / "secret"
    secret.write_text("root's")
    stores.make("lmdb:.crossbar/.cookies", COOKIES)
    link(secret, node / ".cookies" / "planted")
    run("migrate", ".", "lmdb:.cookies")
    assert secret.stat().st_uid == 0
