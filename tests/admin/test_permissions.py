"""What another user is told of a store that is not theirs."""

import json
import os
from itertools import product

import pytest

from cookietrack_plugin.errors import ConfigError
from cookietrack_plugin.header import id_of
from cookietrack_plugin.router.nodedirectory import complaint
from cookietrack_plugin.stores.kit.permissions import denied, is_absent, is_hidden, unusable
from tests.admin.conftest import JOE, make_cookie, node_config, snapshot
from tests.support.users import call_as_nobody, need_root, nobody, open_folder, run_as_nobody

COOKIES = [make_cookie("joe", JOE), make_cookie("stranger")]
NAMES = {
    "lmdb:.cookies": ".cookies",
    "file:cookies.dat": "cookies.dat",
    "sql:sqlite:///c.db": "c.db",
}
READING = [["ls"], ["stat"], ["show", id_of("joe")], ["verify"]]
ALTERING = [["revoke", id_of("joe"), "--yes"], ["purge", "--yes"]]


@pytest.fixture
def here(monkeypatch):
    """An empty working directory, which others can look into."""
    need_root()
    monkeypatch.delenv("CROSSBAR_DIR", raising=False)
    with open_folder() as folder:
        monkeypatch.chdir(folder)
        yield folder


@pytest.fixture(params=NAMES)
def name(request, run, stores):
    """A store of root's."""
    stores.make("lmdb:source", COOKIES)
    assert run("migrate", "lmdb:source", request.param).code == 0
    return request.param


def refusal(here, *words):
    answer = run_as_nobody(here, *words)
    [line] = answer.stderr.splitlines()
    assert (answer.returncode, answer.stdout) == (3, "")
    return line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        *(("lmdb:.cookies", words) for words in READING + ALTERING),
        *product(list(NAMES)[1:], [READING[0], ALTERING[0]]),
    ],
    indirect=["name"],
    ids=lambda each: each if isinstance(each, str) else each[0],
)
def test_a_store_of_roots_is_there_and_belongs_to_root(here, name, words):
    told = refusal(here, words[0], name, *words[1:])
    path = f"{here}/{NAMES[name]}"
    assert f"cannot be used: permission denied, {path}" in told
    assert "belongs to root with mode 0" in told
    assert told.endswith("and this is nobody: run the command as root (sudo ...)")


def test_so_does_a_migration_from_it_and_to_it(here, name, run):
    assert "permission denied" in refusal(here, "migrate", name, "lmdb:new")
    give(here)
    assert "permission denied" in refusal(here, "migrate", "lmdb:source", name)


def give(here):
    for each in (here, here / "source", *(here / "source").iterdir()):
        os.chown(each, nobody().pw_uid, nobody().pw_gid)


@pytest.mark.parametrize("mode", [0o000, 0o600, 0o700])
def test_a_directory_that_may_not_be_entered_is_not_taken_for_an_empty_one(here, stores, mode):
    (here / "node").mkdir()
    stores.make("file:node/cookies.dat", COOKIES)
    (here / "node").chmod(mode)
    for name in ("file:node/cookies.dat", "lmdb:node/.cookies"):
        told = refusal(here, "ls", name)
        assert f"{here}/node belongs to root with mode {mode:04o}" in told
        assert "chown" not in told


def test_what_is_not_there_is_not_a_matter_of_permissions(here, stores):
    (here / "empty").mkdir()
    assert "there is no store at" in refusal(here, "ls", "lmdb:.cookies")
    assert "there is no store at" in refusal(here, "ls", "file:empty/x")
    assert "there is no cookie store" in refusal(here, "ls", "lmdb:empty")


def test_a_store_of_ones_own_without_the_right_mode_gets_another_mode(here, stores):
    stores.make("file:cookies.dat", COOKIES)
    os.chown(here / "cookies.dat", nobody().pw_uid, nobody().pw_gid)
    (here / "cookies.dat").chmod(0)
    assert f"with mode 0000: chmod u+rwX {here}/cookies.dat" in refusal(
        here, "ls", "file:cookies.dat"
    )


def test_a_new_store_where_nothing_may_be_made(here, stores):
    (here / "source").mkdir()
    stores.make("file:source/x", COOKIES)
    for each in (here / "source", here / "source/x", here / "source/x.lock"):
        os.chown(each, nobody().pw_uid, nobody().pw_gid)
    for target in ("lmdb:new", "file:new.dat", "sql:sqlite:///new.db"):
        assert f"{here} belongs to root with mode 0755" in refusal(
            here, "migrate", "file:source/x", target
        )


@pytest.mark.parametrize("which", ["node", "config.json"])
def test_a_node_that_may_not_be_read_is_not_taken_for_none(here, make_node, which):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    path = {"node": node, "config.json": node / "config.json"}[which]
    path.chmod(0o600)
    answer = run_as_nobody(here, "ls", "node")
    assert answer.returncode == 2
    assert f"{path} belongs to root with mode 0600" in answer.stderr
    answer = run_as_nobody(here, "diagnose", "node", "--json")
    assert answer.returncode == 1
    assert f"{path} belongs to root" in json.loads(answer.stdout)[0]["message"]


def test_a_store_that_this_user_cannot_make_is_made_by_another(here, make_node):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    (node / "key.pub").touch()
    told = refusal(here, "ls", "node")
    assert told.endswith(
        f"the node makes it when it starts as root, to whom {node} belongs: nobody may not write to"
        " it"
    )
    os.chown(node, nobody().pw_uid, nobody().pw_gid)
    assert refusal(here, "ls", "node").endswith("the node makes it when it starts")


@pytest.mark.parametrize("words", [["ls"], ["diagnose"], ["migrate", "lmdb:new"]])
def test_a_project_whose_node_directory_may_not_be_read_is_not_taken_for_one_without(
    here, make_node, words
):
    (here / "app").mkdir(mode=0o755)
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}), name="app/.crossbar")
    node.chmod(0o700)
    answer = run_as_nobody(here, words[0], "app", *words[1:])
    told = f"app/.crossbar cannot be read: permission denied, {node} belongs to root with mode 0700"
    assert told in answer.stdout + answer.stderr
    assert answer.returncode == (1 if words == ["diagnose"] else 2)


@pytest.mark.parametrize("cbdir", ["app", "app/.crossbar"])
def test_the_launcher_says_so_too(here, make_node, cbdir):
    (here / "app").mkdir(mode=0o755)
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}), name="app/.crossbar")
    node.chmod(0o700)

    def is_told():
        told = f"app/.crossbar cannot be read: permission denied, {node} belongs to root"
        assert complaint(["check", "--cbdir", cbdir]).startswith(told)

    assert call_as_nobody(is_told)


def test_diagnose_goes_on_behind_a_store_that_may_not_be_read(here, make_node, stores):
    items = [
        {"type": "lmdb", "path": "theirs"},
        {"type": "file", "filename": "theirs.dat"},
        {"type": "sql", "url": "sqlite:///theirs.db"},
        {"type": "lmdb", "path": "hidden/theirs"},
        {"type": "file", "filename": "mine.dat"},
    ]
    node = make_node(node_config(*items))
    (node / "hidden").mkdir(mode=0o700)
    for name in (
        "lmdb:node/theirs",
        "file:node/theirs.dat",
        "lmdb:node/hidden/theirs",
        "file:node/mine.dat",
    ):
        stores.make(name, COOKIES)
    (node / "theirs.db").touch(0o600)
    for each in (node, node / "mine.dat", node / "mine.dat.lock"):
        os.chown(each, nobody().pw_uid, nobody().pw_gid)
    answer = run_as_nobody(here, "diagnose", "node", "--json")
    assert answer.returncode == 1, answer.stderr
    found = {}
    for each in json.loads(answer.stdout):
        found.setdefault(each["about"], []).append((each["level"], each["message"]))
    for label in (
        f"lmdb:{node}/theirs",
        f"file:{node}/theirs.dat",
        "sql:sqlite:///theirs.db",
        f"lmdb:{node}/hidden/theirs",
    ):
        errors = [message for level, message in found[label] if level == "error"]
        assert len(errors) == 1
        assert "permission denied" in errors[0]
    assert {level for level, _ in found[f"file:{node}/mine.dat"]} == {"ok"}
    assert "2 cookies, " in str(found[f"file:{node}/mine.dat"])


DAEMON = 1


def give_to(user, *paths):
    for path in paths:
        for each in (path, *path.rglob("*")):
            os.chown(each, user, user)


@pytest.mark.parametrize("name", NAMES)
def test_a_store_of_another_user_is_not_to_be_taken_from_them(here, run, stores, name):
    """Who follows advice to do that locks the node out."""
    stores.make("lmdb:source", COOKIES)
    (here / "node").mkdir(mode=0o755)
    assert run("migrate", "lmdb:source", name.replace(NAMES[name], f"node/{NAMES[name]}")).code == 0
    give_to(DAEMON, here / "node")
    told = refusal(here, "ls", name.replace(NAMES[name], f"node/{NAMES[name]}"))
    assert told.endswith("and this is nobody: run the command as daemon (sudo -u daemon ...)")


def test_nor_is_a_node_directory_to_be_taken_from_its_user(here, make_node):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    node.chmod(0o700)
    give_to(12345, node)
    told = run_as_nobody(here, "ls", "node").stderr
    assert "belongs to user 12345 with mode 0700" in told
    assert "run the command as user 12345 (sudo -u '#12345' ...)" in told
    assert "chown" not in told


@pytest.mark.parametrize("words", [["ls", "node"], ["ls", "lmdb:node/.cookies"]])
def test_a_store_of_roots_is_to_be_given_to_the_nodes_user(here, make_node, stores, words):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    stores.make("lmdb:node/.cookies", COOKIES)
    for user, more in (
        (nobody().pw_uid, ""),
        (DAEMON, ", then run the command as daemon (sudo -u daemon ...)"),
    ):
        os.chown(node, user, user)
        told = refusal(here, *words)
        name = "nobody" if user != DAEMON else "daemon"
        assert told.endswith(f"this is nobody: as root chown -R {name} {node}/.cookies{more}")


def test_a_lock_of_roots_beside_a_store_is_to_be_given_to_the_nodes_user(here, stores):
    (here / "node").mkdir()
    stores.make("file:node/x", COOKIES)
    for each in (here / "node", here / "node/x"):
        os.chown(each, nobody().pw_uid, nobody().pw_gid)
    told = refusal(here, "ls", "file:node/x")
    assert told.endswith(f"this is nobody: as root chown -R nobody {here}/node/x.lock")


def found_wrong(run, *words, code):
    answer = run("diagnose", *words, "--json")
    assert answer.code == code
    return [(each["level"], each["message"]) for each in answer.json if each["level"] != "ok"]


def test_a_store_that_its_node_cannot_open_is_an_error_and_comes_first(
    here, run, make_node, stores
):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    stores.make("lmdb:node/.cookies", COOKIES)
    loosen(node / ".cookies")
    (node / ".cookies/lock.mdb").unlink()
    os.chown(node, nobody().pw_uid, nobody().pw_gid)
    path = node / ".cookies"
    assert found_wrong(run, "node", code=1) == [
        (
            "error",
            f".cookies, data.mdb belong to root, and {node} to nobody, who cannot use the store:"
            f" as root chown -R nobody {path}",
        ),
        (
            "warning",
            f"users other than its owner can use it: chmod -R go-rwx {path}",
        ),
    ]


def test_a_configuration_that_its_node_cannot_read_is_an_error(here, run, make_node):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    path = node / "config.json"
    os.chown(node, nobody().pw_uid, nobody().pw_gid)
    path.chmod(0o644)
    assert found_wrong(run, "node", code=0) == []
    path.chmod(0o600)
    told = f"{path} belongs to root, and {node} to nobody, who cannot read it: as root chown"
    assert found_wrong(run, "node", code=1) == [("error", f"{told} -R nobody {path}")]


@pytest.mark.parametrize(
    ("mode", "group", "level"),
    [(0o666, "root", "warning"), (0o660, "nodes", "warning"), (0o660, "root", "error")],
)
def test_whether_its_node_can_open_a_store_of_roots_is_seen_by_its_modes(
    here, run, make_node, stores, mode, group, level
):
    node = make_node(node_config({"type": "file", "filename": "x"}))
    stores.make("file:node/x", COOKIES)
    os.chown(node, nobody().pw_uid, nobody().pw_gid)
    for each in (node / "x", node / "x.lock"):
        each.chmod(mode)
        os.chown(each, 0, {"root": 0, "nodes": nobody().pw_gid}[group])
    found = found_wrong(run, "node", code=level == "error")
    assert found[0][0] == level
    [told] = [told for _, told in found if "belong" in told]
    assert told.startswith(f"x, x.lock belong to root, and {node} to nobody")


def test_a_backup_of_roots_beside_a_store_keeps_nobody_out(here, run, make_node, stores):
    node = make_node(node_config({"type": "file", "filename": "x"}))
    stores.make("file:node/x", COOKIES)
    give_to(nobody().pw_uid, node)
    assert run("backup", "node", "node/x.backup").code == 0
    os.chown(node / "x.backup", 0, 0)
    [(level, told)] = found_wrong(run, "node", code=0)
    assert (level, told.split(",")[0]) == ("warning", "x.backup belongs to root")


def test_diagnose_has_nothing_against_files_that_nobody_else_gets_at(here, run, stores):
    stores.make("lmdb:c", COOKIES)
    (here / "c" / "data.mdb").chmod(0o644)
    assert "only its owner can read it" in run("diagnose", "lmdb:c").out


def loosen(path):
    """Others may read it, and not write to it."""
    for each in (path, *(path.iterdir() if path.is_dir() else ())):
        each.chmod(0o755 if each.is_dir() else 0o644)


def test_a_store_that_may_be_read_and_not_written_to_is_read(here, name):
    loosen(here / NAMES[name])
    before = snapshot(here)
    answer = run_as_nobody(here, "ls", name, "--authid", "joe")
    assert (answer.returncode, len(answer.stdout.splitlines())) == (0, 2)
    assert "a copy of it is read" in answer.stderr
    assert snapshot(here) == before


def test_a_backup_of_it_is_complete(here, stores):
    stores.make("lmdb:x", COOKIES)
    loosen(here / "x")
    (here / "mine").mkdir()
    os.chown(here / "mine", nobody().pw_uid, nobody().pw_gid)
    answer = run_as_nobody(here, "backup", "lmdb:x", "mine/x")
    assert answer.returncode == 0, answer.stderr
    assert "2, written and read back" in answer.stdout


def test_what_is_wrong_with_the_copy_is_said_of_the_store(here, stores):
    stores.make("lmdb:x", COOKIES)
    data = here / "x" / "data.mdb"
    data.write_bytes(data.read_bytes()[:20_000])
    loosen(here / "x")
    told = run_as_nobody(here, "ls", "lmdb:x")
    assert told.returncode == 4
    assert f"{here}/x lacks the last" in told.stderr
    assert "/cookietrack-" not in told.stderr.replace(str(here), "")


def test_it_is_not_altered(here, stores):
    stores.make("lmdb:x", COOKIES)
    loosen(here / "x")
    assert "permission denied" in refusal(here, "revoke", "lmdb:x", "--all", "--yes")


def test_what_can_be_set_right_is(here, run, make_node, stores):
    node = make_node(node_config({"type": "lmdb", "path": ".cookies"}))
    stores.make("lmdb:node/.cookies", COOKIES)
    loosen(node / ".cookies")
    os.chown(node, nobody().pw_uid, nobody().pw_gid)
    found = run("diagnose", "node", "--fix", "--json")
    assert (found.code, [each["level"] for each in found.json[:3]]) == (0, ["mended"] * 2 + ["ok"])
    for path in (node / ".cookies", *(node / ".cookies").iterdir()):
        assert (path.stat().st_uid, path.stat().st_mode & 0o077) == (nobody().pw_uid, 0)
    assert {each["level"] for each in run("diagnose", "node", "--json").json} == {"ok"}


def test_a_store_of_a_user_other_than_that_of_the_node_directory_is_left_to_them(
    here, run, make_node, stores
):
    """The node may run as that user, and its directory be root's or a third one's."""
    node = make_node(node_config({"type": "file", "filename": "x"}))
    stores.make("file:node/x", COOKIES)
    for each in (node / "x", node / "x.lock"):
        os.chown(each, nobody().pw_uid, nobody().pw_gid)
    [owner] = [
        each
        for each in run("diagnose", "node", "--fix", "--json").json
        if "belong" in each["message"]
    ]
    assert (owner["level"], owner["mendable"]) == ("warning", False)
    assert owner["message"] == (
        f"x, x.lock belong to nobody, and {node} to root: run the node as nobody"
    )
    assert (node / "x").stat().st_uid == nobody().pw_uid
    os.chown(node, DAEMON, DAEMON)
    [(_, told)] = found_wrong(run, "node", "--fix", code=0)
    assert told.endswith(
        f"{node} to daemon: run the node as nobody; if it runs as daemon, as root chown -R daemon"
        f" {node}/x {node}/x.lock"
    )
    assert (node / "x").stat().st_uid == nobody().pw_uid
    os.chown(here, 1, 1)
    found = run("diagnose", "file:node/x", "--fix", "--json").json
    assert {each["level"] for each in found} == {"ok"}
    assert (node / "x").stat().st_uid == nobody().pw_uid


def test_as_root_nothing_is_denied(here):
    (here / "x").mkdir(mode=0)
    assert denied(str(here / "x" / "y")) is None
    assert is_absent(str(here / "x" / "y"))
    assert not is_hidden(str(here / "x"))


def test_a_file_where_a_directory_belongs_is_not_waited_for(tmp_path):
    path = tmp_path / "cookies"
    path.touch()
    with pytest.raises(FileExistsError) as raised:
        os.makedirs(path, exist_ok=True)
    found = unusable(str(path), raised.value)
    assert isinstance(found, ConfigError)
    assert str(found) == f"{path} cannot be used: Not a directory"
