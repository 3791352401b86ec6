"""What `cookietrack revoke` ends is in the audit log of the node."""

import json
import os
import pwd
from types import SimpleNamespace

import pytest

from cookietrack_plugin.admin import auditing
from cookietrack_plugin.admin.batches import STEP
from cookietrack_plugin.header import id_of
from tests.admin.conftest import JOE, make_cookie
from tests.support import configs

STORE = {"type": "lmdb", "path": ".cookies"}
ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def node(make_node, stores, monkeypatch):
    """A node directory with two audit logs for its store, and one for another store."""
    monkeypatch.delenv("SUDO_USER", raising=False)
    items = [
        {"store": STORE, "audit": {"filename": "audit.jsonl", "required": True}},
        {"store": STORE, "audit": {"filename": "./audit.jsonl"}},
        {"store": STORE, "audit": {"filename": "second.jsonl"}},
        {"store": STORE, "audit": {"type": "log"}},
        {"store": STORE},
        {"store": {**STORE, "path": "other"}, "audit": {"filename": "other.jsonl"}},
    ]
    directory = make_node(configs.router(*(configs.websocket(1, item) for item in items)))
    stores.make("lmdb:node/.cookies", [make_cookie("phone", JOE), make_cookie("laptop", JOE)])
    return directory


def lines(directory, name="audit.jsonl"):
    return [json.loads(line) for line in (directory / name).read_text().splitlines()]


def revoke(run, *words):
    return run("revoke", "node", "--transport", "worker001/transport001", "--yes", *words)


def test_each_id_has_a_line_with_who_ended_it(run, node):
    ids = [id_of("phone"), id_of("laptop")]
    assert revoke(run, *ids).out == "2 cookies ended\n"
    found = lines(node)
    assert [each["id"] for each in found] == ids
    assert {each["by"] for each in found} == {"operator"}
    assert {each["by_authid"] for each in found} == {ME}
    assert {each["reason"] for each in found} == {"cookietrack revoke"}
    assert lines(node, "second.jsonl") == found
    assert not (node / "other.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "user"),
    [
        (["--authid", "joe"], ("joe", None)),
        (["--authid", "joe", "--authrealm", "realm1"], ("joe", "realm1")),
        (["--all"], (None, None)),
    ],
)
def test_the_end_of_a_user_is_one_line(run, node, words, user):
    assert revoke(run, *words).code == 0
    [found] = lines(node)
    assert (found["event"], found["id"], found["authid"], found["authrealm"]) == (
        *("revoked", None),
        *user,
    )


def test_who_has_become_somebody_else_is_named_too(run, node, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    revoke(run, "--all")
    assert lines(node)[0]["by_authid"] == f"alice as {ME}"


def test_a_log_that_cannot_be_written_is_told_and_stops_nothing(run, node, stores):
    (node / "audit.jsonl").mkdir()
    answer = revoke(run, "--all")
    assert (answer.code, answer.out) == (0, "2 cookies ended\n")
    assert f"not in the audit log {node}/audit.jsonl: " in answer.err
    assert stores.read("lmdb:node/.cookies") == {}
    assert len(lines(node, "second.jsonl")) == 1


def test_a_store_that_is_named_by_itself_has_none(run, node):
    assert run("revoke", "lmdb:node/.cookies", "--yes", "--all").out == "2 cookies ended\n"
    assert not (node / "audit.jsonl").exists()


def test_with_a_configuration_elsewhere_store_and_log_are_in_the_node_directory(run, node, here):
    (here / "elsewhere").mkdir()
    config = (node / "config.json").rename(here / "elsewhere" / "node.json")
    words = [str(config), "--transport", "worker001/transport001"]
    lost = run("ls", *words)
    assert lost.code == 3
    assert f"no node was started in {config.parent}. If its node directory is" in lost.error
    found = run("ls", *words, "--cbdir", "node", "--json").lines
    assert {each["id"] for each in found} == {id_of("phone"), id_of("laptop")}
    assert run("revoke", *words, "--cbdir", "node", "--all", "--yes").code == 0
    assert [each["event"] for each in lines(node)] == ["revoked"]
    diagnosed = run("diagnose", *words, "--cbdir", "node", "--json").json
    assert f"lmdb:{node}/.cookies" in {each["about"] for each in diagnosed}


def whole(directory):
    [found] = lines(directory)
    assert (found["id"], found["authid"], found["authrealm"]) == (None, None, None)
    assert (found["by"], found["by_authid"]) == ("operator", ME)
    return found["event"], found["reason"]


def test_a_purge_is_one_line(run, node):
    assert run("purge", "node", "--transport", "worker001/transport001", "--yes").code == 0
    assert whole(node) == ("purged", "cookietrack purge")


@pytest.mark.parametrize("words", [[], ["--keep-logins"]])
def test_a_restoration_is_one_line_which_says_whether_logins_were_kept(run, node, words):
    assert run("backup", "lmdb:node/.cookies", "some.bak").code == 0
    place = ["node", "--transport", "worker001/transport001", "--merge"]
    assert run("restore", "some.bak", *place, *words).code == 0
    assert whole(node) == ("restored", " ".join(["cookietrack restore", *words]))


def test_each_cookie_that_a_mirror_ends_has_a_line(run, node, stores):
    """However many: they are ended in steps."""
    stores.make("lmdb:source", [make_cookie("phone", JOE)])
    stores.make("lmdb:node/.cookies", [make_cookie(f"more {n}", JOE) for n in range(STEP)])
    words = ["lmdb:../source", "node", "--to-transport", "worker001/transport001", "--yes"]
    assert run("migrate", *words).code == 0
    assert not (node / "audit.jsonl").exists()
    assert run("migrate", *words, "--mirror").code == 0
    found = lines(node)
    assert {each["id"] for each in found} == {
        id_of(name) for name in ["laptop", *(f"more {n}" for n in range(STEP))]
    }
    assert len(found) == STEP + 1
    assert {each["by_authid"] for each in found} == {ME}
    assert {(each["event"], each["reason"]) for each in found} == {
        ("revoked", "cookietrack migrate --mirror")
    }


def test_root_writes_as_the_owner_of_the_node_directory(node, monkeypatch):
    """Otherwise the node could not write its log, and a link in its place led to root's files."""
    done = []
    for name in ("setgroups", "setegid", "seteuid"):
        monkeypatch.setattr(os, name, lambda value, name=name: done.append((name, value)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(os, "getegid", lambda: 0)
    monkeypatch.setattr(os, "getgroups", lambda: [0, 4])
    monkeypatch.setattr(os, "stat", lambda path: SimpleNamespace(st_uid=1000, st_gid=1001))
    place = SimpleNamespace(node=SimpleNamespace(directory="/node"))
    with auditing._as_owner(place):
        assert done == [("setgroups", []), ("setegid", 1001), ("seteuid", 1000)]
        done.clear()
    assert done == [("seteuid", 0), ("setegid", 0), ("setgroups", [0, 4])]
