"""`cookietrack migrate`."""

import json
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cookietrack_plugin.admin import transfer
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth
from tests.admin.conftest import JOE, NOW, expired, make_cookie, node_config, node_process, snapshot
from tests.support.crossbar_cookies import MAX_AGE, make_cookies
from tests.support.node import wait_for

PROGRAM = str(Path(sys.executable).parent / "cookietrack")
MANY = 8_000
ENOUGH = 3_000
# The command, which waits behind these to be killed.
STOPS_HALF_WAY = f"""
import time
from cookietrack_plugin.admin import transfer
from cookietrack_plugin.admin.cli import main

commit = transfer._commit

def commit_some(target, steps, copied):
    if copied.counts["created"] >= {ENOUGH}:
        time.sleep(600)
    commit(target, steps, copied)

transfer._commit = commit_some
main(prog_name="cookietrack")
"""
COOKIES = [make_cookie("joe", JOE), make_cookie("stranger"), expired("old", JOE)]


def good(cookies):
    return {cookie.id: cookie for cookie in cookies if cookie.expires > NOW}


@pytest.mark.parametrize("target", ["file:new.dat", "lmdb:new"])
@pytest.mark.parametrize("source", ["file:old.dat", "lmdb:old"])
def test_all_good_cookies_arrive_and_the_source_is_left_as_it_is(run, here, stores, source, target):
    stores.make(source, COOKIES)
    before = snapshot(here)
    answer = run("migrate", source, target, "--json")
    assert answer.code == 0
    found = answer.json
    assert (found["created"], found["expired"], found["verified"]) == (2, 1, True)
    assert found["cookies"] == {"from": 2, "to": 2}
    assert found["digest"]["from"] == found["digest"]["to"]
    assert {path: data for path, data in snapshot(here).items() if path in before} == before
    assert stores.read(target) == good(COOKIES)


def test_a_third_partys_store_can_be_source_and_target(run, stores, observed):
    stores.make("lmdb:old", COOKIES)
    assert run("migrate", "lmdb:old", "observed:x").code == 0
    assert run("migrate", "observed:x", "file:new.dat").code == 0
    assert stores.read("file:new.dat") == good(COOKIES)


def test_a_person_reads_what_was_done_and_that_it_is_right(run, stores):
    stores.make("lmdb:old", COOKIES)
    lines = run("migrate", "lmdb:old", "lmdb:new").out.splitlines()
    fields = {line[:13].strip(): line[13:].strip() for line in lines}
    assert fields["copied"] == "2"
    assert fields["left behind"] == "1 expired"
    assert fields["verified"] == "2 of 2 cookies"
    assert fields["digests"].endswith(": the same")


def test_stores_are_named_by_nodes_and_transports_too(run, stores, make_node):
    config = node_config({"type": "lmdb", "path": "a"}, {"type": "file", "filename": "b"})
    node = str(make_node(config))
    stores.make("lmdb:node/a", COOKIES)
    transports = ["--from-transport", "worker001/transport001"]
    assert "choose with --to-transport" in run("migrate", node, node, *transports).error
    transports += ["--to-transport", "worker001/transport002"]
    assert run("migrate", node, node, *transports).code == 0
    assert stores.read("file:node/b") == good(COOKIES)


# -- from Crossbar's own stores --------------------------------------------------------------

COUNT = 40


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Cookies that Crossbar's own stores have written, by kind: where, and which are good."""
    made = {}
    for kind in ("file", "database"):
        path = tmp_path_factory.mktemp(kind) / "theirs"
        made[kind] = (path, make_cookies(kind, path, COUNT))
    return made


@pytest.fixture
def theirs(here, originals):
    """Puts a copy of one at `theirs`; the cookies in it."""

    def theirs(kind):
        path, cookies = originals[kind]
        if path.is_dir():
            shutil.copytree(path, here / "theirs")
        else:
            shutil.copy(path, here / "theirs")
        return cookies

    return theirs


@pytest.mark.parametrize("kind", ["file", "database"])
def test_what_crossbar_itself_has_written_arrives_under_ids(run, here, stores, theirs, kind):
    cookies = theirs(kind)
    before = snapshot(here)
    answer = run("migrate", f"{kind}:theirs", "lmdb:new", "--json")
    assert (answer.code, answer.json["created"]) == (0, 30)
    arrived = stores.read("lmdb:new")
    assert set(arrived) == {id_of(each["value"]) for each in cookies}
    for each in cookies:
        cookie = arrived[id_of(each["value"])]
        assert cookie.expires - cookie.created == MAX_AGE * 1000
        login = cookie.auth and Auth(each["authid"], "user", "wampcra", "realm1", each["authextra"])
        assert cookie.auth == login
        assert (cookie.auth is None) == (each["authid"] is None)
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


@pytest.mark.parametrize("kind", ["file", "database"])
def test_no_value_of_crossbars_cookies_is_carried_over(run, here, theirs, kind):
    cookies = theirs(kind)
    run("migrate", f"{kind}:theirs", "lmdb:new")
    stored = (here / "new" / "data.mdb").read_bytes()
    assert cookies
    assert not [each for each in cookies if each["value"].encode() in stored]


def test_crossbars_database_can_be_looked_at(run, theirs):
    theirs("database")
    assert len(run("ls", "database:theirs", "--json").lines) == 30
    [user] = run("ls", "database:theirs", "--json", "--authid", "user1").lines
    assert run("show", "database:theirs", user["id"], "--json").json == user
    assert run("stat", "database:theirs", "--json").json["stat"]["cookies"] == 30


@pytest.mark.parametrize(
    "words", [["revoke", "--all", "--yes"], ["purge", "--yes"], ["verify", "--repair", "--yes"]]
)
def test_crossbars_database_cannot_be_altered(run, here, theirs, words):
    theirs("database")
    before = snapshot(here)
    answer = run(words[0], "database:theirs", *words[1:])
    assert (answer.code, answer.out) == (2, "")
    assert "'database'" in answer.error
    assert snapshot(here) == before


# -- interrupted and resumed -----------------------------------------------------------------


def crossbars_line(number, **auth):
    created = datetime.now(UTC) - timedelta(seconds=number % 3600)
    names = ("authid", "authrole", "authmethod", "authrealm", "authextra")
    line = {
        "cbtid": f"value{number}",
        "status": "modified" if auth else "created",
        "created": created.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
        "modified": None,
        "deleted": None,
        "max_age": MAX_AGE,
        **{name: auth.get(name) for name in names},
    }
    return json.dumps(line) + "\n"


def auth_of(number):
    if number % 2:
        return {}
    names = {"authid": f"user{number % 1000}", "authrole": "user", "authmethod": "ticket"}
    return {**names, "authrealm": "realm1", "authextra": {"number": number}}


def test_a_large_file_of_crossbars_arrives_whole_though_the_migration_was_killed(here, stores):
    with open(here / "cookies.dat", "w") as file:
        file.writelines(crossbars_line(number, **auth_of(number)) for number in range(MANY))
    arguments = ["migrate", "file:cookies.dat", "lmdb:new", "--json"]

    with subprocess.Popen([sys.executable, "-c", STOPS_HALF_WAY, *arguments]) as first:
        wait_for(lambda: count(stores, "lmdb:new", at_least=ENOUGH), "copying", patience=240)
        first.send_signal(signal.SIGKILL)
    assert first.returncode == -signal.SIGKILL
    copied = count(stores, "lmdb:new")
    assert ENOUGH <= copied < MANY

    again = [PROGRAM, *arguments]
    second = subprocess.run(again, capture_output=True, text=True, check=True)
    found = json.loads(second.stdout)
    assert (found["same"], found["created"]) == (copied, MANY - copied)
    assert found["verified"]
    assert found["cookies"] == {"from": MANY, "to": MANY}

    store = stores.open("lmdb:new")
    for start in range(0, MANY, 1000):
        numbers = {id_of(f"value{number}"): number for number in range(start, start + 1000)}
        known = store.load(list(numbers))
        assert len(known) == 1000
        for id, number in numbers.items():
            auth = auth_of(number)
            assert known[id].auth == (Auth(**auth) if auth else None)
    store.close()


def count(stores, name, at_least=0):
    """How many records are there, None if less than `at_least`."""
    if not (stores.directory / name.split(":")[1] / "data.mdb").exists():
        return None
    store = stores.open(name)
    found = store.stat()["cookies"]
    store.close()
    return found if found >= at_least else None


def test_what_has_happened_in_the_target_meanwhile_stays(run, stores):
    stores.make("file:old.dat", [make_cookie("a", JOE), make_cookie("b")])
    later = make_cookie("a", seen=NOW, user_agent="newer")
    stores.make("lmdb:new", [later, make_cookie("own", JOE)])
    answer = run("migrate", "file:old.dat", "lmdb:new", "--json")
    assert (answer.code, answer.json["kept"], answer.json["created"]) == (0, 1, 1)
    assert stores.read("lmdb:new") == {
        cookie.id: cookie for cookie in (later, make_cookie("b"), make_cookie("own", JOE))
    }


def test_cookies_that_ended_in_the_source_since_an_earlier_run_are_told_and_ended_on_demand(
    run, stores
):
    stores.make("lmdb:old", [make_cookie("a", JOE), make_cookie("b")])
    run("migrate", "lmdb:old", "lmdb:new")
    run("revoke", "lmdb:old", id_of("a"), "--yes")

    told = run("migrate", "lmdb:old", "lmdb:new")
    assert told.code == 0
    assert "TO has 1 cookie that FROM does not have" in told.err
    assert len(stores.read("lmdb:new")) == 2
    assert run("migrate", "lmdb:old", "lmdb:new", "--json").json["only_in_target"] == 1

    refused = run("migrate", "lmdb:old", "lmdb:new", "--mirror")
    assert (refused.code, len(stores.read("lmdb:new"))) == (2, 2)

    ended = run("migrate", "lmdb:old", "lmdb:new", "--mirror", "--yes", "--json")
    assert (ended.code, ended.json["ended"]) == (0, 1)
    assert list(stores.read("lmdb:new")) == [id_of("b")]


def test_a_relative_place_begins_in_the_node_directory_that_is_said(run, here, stores, make_node):
    config = make_node(node_config({"type": "lmdb", "path": ".new"}), "elsewhere") / "config.json"
    (here / "node").mkdir()
    stores.make("lmdb:node/.old", [make_cookie("a", JOE)])
    told = run("migrate", "lmdb:.old", str(config), "--cbdir", "node", "--json")
    assert (told.code, told.json["configured"]) == (0, True)
    assert list(stores.read("lmdb:node/.new")) == [id_of("a")]
    for words in (["lmdb:.old", "lmdb:.new"], [str(config), str(config)]):
        assert run("migrate", *words, "--cbdir", "node").code == 2


# -- what is refused, and what is not right --------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["lmdb:old", "memory:"], 2, "a memory store loses everything when its worker stops"),
        (["lmdb:old", "database:new"], 2, "it can be migrated from, but not to"),
        (["lmdb:old", "lmdb:./old/../old"], 2, "FROM and TO are the same store"),
        (["memory:", "lmdb:new"], 3, "a memory store is in its worker's memory alone"),
        (["lmdb:nowhere", "lmdb:new"], 3, "there is no store at lmdb:"),
        (["lmdb:old", "lmbd:new"], 2, "unknown store type 'lmbd'"),
        (["lmdb:old"], 2, "Missing argument 'TO'."),
        (["lmdb:old", "lmdb:new", "--to-transport", "x"], 2, "not in TYPE:LOCATION"),
        (["lmdb:old", "file:sub"], 4, "sub is a directory"),
    ],
)
def test_a_migration_that_cannot_be_is_refused_and_makes_nothing(
    run, here, stores, words, code, message
):
    stores.make("lmdb:old", COOKIES)
    (here / "sub").mkdir()
    before = snapshot(here)
    answer = run("migrate", *words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.error
    assert snapshot(here) == before


def test_the_store_of_a_running_node_is_not_migrated_from(run, here, stores, make_node):
    node = make_node(node_config({"type": "lmdb", "path": "old"}))
    stores.make("lmdb:node/old", COOKIES)
    before = snapshot(here)
    with node_process(node) as pid:
        for name in (str(node), "lmdb:node/old"):
            answer = run("migrate", name, "lmdb:new")
            assert answer.code == 3
            assert f"is in use by a running node (pid {pid})" in answer.error
    (node / "node.pid").unlink()
    assert snapshot(here) == before


def test_a_copy_that_is_not_right_is_told(run, stores, observed):
    stores.make("lmdb:old", COOKIES)
    run("ls", "observed:x")
    observed["x"].refuse = {id_of("joe")}
    answer = run("migrate", "lmdb:old", "observed:x")
    assert answer.code == 1
    assert "NOT the same" in answer.out
    assert f"TO cannot hold {id_of('joe')}: to run the command again would not help" in answer.err
    assert "not in TO" not in answer.err


def test_what_cannot_be_read_in_the_source_is_told(run, here):
    lines = [crossbars_line(number) for number in range(3)]
    (here / "old.dat").write_text(lines[0] + lines[1][:-9] + "\n" + lines[2])
    answer = run("migrate", "file:old.dat", "lmdb:new")
    assert answer.code == 0
    assert "1 damaged part in FROM: see `cookietrack verify FROM`" in answer.err
    assert run("migrate", "file:old.dat", "lmdb:new", "--json").json["damaged"] == 1


def test_an_interruption_by_hand_says_how_to_go_on(run, stores, observed, monkeypatch):
    stores.make("lmdb:old", COOKIES)
    run("ls", "observed:x")

    def interrupt(changes):
        raise KeyboardInterrupt

    monkeypatch.setattr(observed["x"], "commit", interrupt)
    answer = run("migrate", "lmdb:old", "observed:x")
    assert answer.code == 1
    assert answer.err.startswith("interrupted: run the same command again to go on\n")


def test_a_user_who_is_revoked_in_the_target_during_the_copy_stays_out(run, stores, monkeypatch):
    stores.make("lmdb:old", [make_cookie("joe", JOE), make_cookie("stranger")])
    stores.make("lmdb:new", [])
    step = transfer._step

    def revoke_then_step(*words):
        other = stores.open("lmdb:new")
        other.revoke_user("joe", "realm1")
        other.close()
        return step(*words)

    monkeypatch.setattr(transfer, "_step", revoke_then_step)
    answer = run("migrate", "lmdb:old", "lmdb:new")
    found = stores.read("lmdb:new")
    assert [each.id for each in found.values()] == [id_of("stranger")]
    assert answer.code == 1
    assert "unless a user was revoked in TO during the copy" in answer.err


def test_that_a_copy_into_a_store_in_use_can_revive_is_told(run, stores):
    stores.make("lmdb:old", [make_cookie("joe", JOE), make_cookie("stranger")])
    first = run("migrate", "lmdb:old", "lmdb:new")
    assert "TO had cookies before" not in first.err
    assert "TO had cookies before" not in run("migrate", "lmdb:old", "lmdb:new").err
    run("revoke", "lmdb:new", id_of("joe"), "--yes")
    again = run("migrate", "lmdb:old", "lmdb:new")
    assert again.code == 0
    assert "TO had cookies before" in again.err
    assert "of the 1 cookie copied, those whose users have logged out" in again.err
    assert run("migrate", "lmdb:old", "lmdb:new", "--json").json["was_empty"] is False
