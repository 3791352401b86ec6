"""The command on stores that workers of a running node have: asked through their sockets."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from cookietrack_plugin.admin.auditing import operator
from cookietrack_plugin.admin.eventtext import event_text
from cookietrack_plugin.admin.nodestore import running_store
from cookietrack_plugin.admin.params import the_place
from cookietrack_plugin.admin.text import printable
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.header import id_of
from cookietrack_plugin.nodesocket.folder import FOLDER, SocketFolder
from cookietrack_plugin.record import Create, Delete
from cookietrack_plugin.stores.file.provider import FileProvider
from servers.patience import wait_for
from tests.admin.conftest import JOE, expired, make_cookie, node_config
from tests.support.control import controlled
from tests.support.livereactor import live_reactor

PROGRAM = str(Path(sys.executable).parent / "cookietrack")
FILE = '{"filename": "cookies.dat", "type": "file"}'


@pytest.fixture(scope="module")
def reactor():
    with live_reactor() as reactor:
        yield reactor


@pytest.fixture
def make(reactor, here):
    with controlled(reactor, here) as make:
        yield make


@pytest.fixture
def workers(make):
    """Two workers with a `memory` store each, of one node."""
    first, second = make("worker001"), make("worker002")
    first.store.commit([Create(make_cookie("joe", JOE)), Create(make_cookie("stranger"))])
    second.store.commit([Create(make_cookie("joe 2", JOE)), Create(expired("gone"))])
    return first, second


@pytest.fixture
def file_worker(make, here):
    """A worker with a `file` store, which it alone can have open."""
    store = FileProvider().open(json.loads(FILE), str(here))
    store.commit([Create(make_cookie("joe", JOE)), Create(expired("gone"))])
    return make("worker001", store=store, key=FILE)


def ids(answer):
    return sorted((each.get("worker"), each["id"]) for each in answer.lines)


def in_memory(*pairs):
    return sorted((worker, id_of(name)) for worker, name in pairs)


def test_each_workers_memory_is_a_store_of_its_own(run, workers):
    everything = [("worker001", "joe"), ("worker001", "stranger"), ("worker002", "joe 2")]
    assert ids(run("ls", "memory:", "--json")) == in_memory(*everything)
    joes = run("ls", "memory:", "--json", "--authid", "joe", "--sort", "seen", "--limit", "5")
    assert ids(joes) == in_memory(("worker001", "joe"), ("worker002", "joe 2"))
    table = run("ls", "memory:").out.splitlines()
    assert table[0].split()[:3] == ["WORKER", "ID", "AUTHID"]
    assert {line.split()[0] for line in table[1:]} == {"worker001", "worker002"}
    assert run("count", "memory:").out == "worker001  2\nworker002  1\n"
    assert run("count", "memory:", "--json", "--authid", "joe").json == {
        "store": "memory",
        "cookies": 2,
        "workers": {"worker001": 1, "worker002": 1},
    }
    stat = run("stat", "memory:", "--json").json
    assert {each: stat["workers"][each]["cookies"] for each in stat["workers"]} == {
        "worker001": 2,
        "worker002": 2,
    }
    assert "worker" in run("stat", "memory:").out


def test_a_list_goes_on_from_worker_to_worker(run, workers):
    found, words = [], []
    while True:
        answer = run("ls", "memory:", "--json", "--limit", "1", *words)
        found += ids(answer)
        if "--after" not in answer.err:
            break
        words = ["--after", answer.err.split()[-1]]
    everything = [("worker001", "joe"), ("worker001", "stranger"), ("worker002", "joe 2")]
    assert sorted(found) == in_memory(*everything)
    for place in ("worker007:ab", "worker002:xx", "strange"):
        assert run("ls", "memory:", "--after", place).code == 2


def test_one_cookie_is_shown_from_where_it_is(run, workers):
    shown = run("show", "memory:", id_of("joe 2"), "--json", "--extra").json
    assert (shown["worker"], shown["authid"]) == ("worker002", "joe")
    assert shown["authextra"] == {"token": "secret-token"}
    assert run("show", "memory:", id_of("gone"), "--json").json["worker"] == "worker002"
    absent = run("show", "memory:", id_of("nobody"))
    assert (absent.code, absent.out) == (1, "")


def test_what_a_revocation_keeps_is_kept_in_every_worker(run, workers, here):
    kept = id_of("joe 2")
    with running_store(the_place("memory:", None)) as store:
        assert store.revoke_user("joe", None, [kept]) == 1
    assert ids(run("ls", "memory:", "--json", "--authid", "joe")) == [("worker002", kept)]


def test_sessions_are_ended_in_every_worker_under_the_name_of_who_has_asked(run, workers):
    events = []
    for worker in workers:
        worker.on_reactor(worker.tracker.events.subscribe, events.append)
    answer = run("revoke", "memory:", "--authid", "joe", "--yes", "--json")
    assert answer.json == {"store": "memory", "ended": 2, "absent": 0}
    assert {each.actor.authid for each in events} == {operator()}
    answer = run("revoke", "memory:", id_of("stranger"), id_of("joe"), "--yes")
    assert (answer.code, answer.out) == (1, "1 cookie ended\n")
    assert run("purge", "memory:", "--yes").out == "1 expired cookie removed\n"
    assert run("count", "memory:", "--json").json["cookies"] == 0


@pytest.mark.parametrize(
    "end",
    [
        lambda store: store.revoke_user("joe", None),
        lambda store: store.commit([Delete(id_of("joe 2"))]),
    ],
    ids=["user", "id"],
)
def test_sessions_are_ended_in_a_worker_behind_one_that_fails(workers, here, end):
    first, second = workers
    with running_store(the_place("memory:", None)) as store:
        first.on_reactor(first.listener.close)
        with pytest.raises(StoreUnavailable, match="worker001 is no longer running"):
            end(store)
    assert id_of("joe 2") not in second.store.load([id_of("joe 2")])


@pytest.mark.parametrize(
    "answer",
    [b"Hello\n", b"[1]\n", b"{}\n", b'{"stores": 7}\n', b'{"stores": [{}]}\n', b"{", b""],
)
def test_what_is_no_worker_is_one_line(run, here, answer):
    folder = SocketFolder.make(str(here))
    listening = folder.listen("worker001")
    listening.setblocking(True)

    def serve():
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(answer)

    server = Thread(target=serve)
    server.start()
    told = run("ls", "memory:")
    server.join()
    folder.close()
    listening.close()
    assert told.code == 3
    assert told.error.startswith("worker001 ")


def test_all_of_a_node_is_in_one_backup(run, workers):
    answer = run("backup", "memory:", "all.bak", "--json")
    assert (answer.code, answer.json["cookies"]) == (0, 4)
    assert run("restore", "all.bak", "lmdb:back", "--keep-logins").code == 0
    assert sorted(each["id"] for each in run("ls", "lmdb:back", "--json").lines) == sorted(
        map(id_of, ["joe", "stranger", "joe 2"])
    )


def test_a_file_is_its_workers_by_whichever_name(run, file_worker, here):
    """From the directory of the node, and from one above it by the path."""
    (here / "below").mkdir()
    for name in ("file:cookies.dat", f"file:{here}/below/../cookies.dat"):
        assert ids(run("ls", name, "--json")) == [(None, id_of("joe"))]
    assert run("count", "file:cookies.dat").out == "1\n"
    assert run("stat", "file:cookies.dat", "--json").json["stat"]["connected"] == 0
    assert run("verify", "file:cookies.dat").out.endswith("nothing is damaged\n")
    assert run("purge", "file:cookies.dat", "--yes").out == "1 expired cookie removed\n"
    assert run("revoke", "file:cookies.dat", "--all", "--yes").out == "1 cookie ended\n"
    assert run("ls", "file:cookies.dat", "--json").lines == []


def test_what_has_to_stay_offline_says_why(run, file_worker, workers_backup):
    for words, why in [
        (["restore", workers_backup, "file:cookies.dat"], "misses what is restored"),
        (["migrate", "lmdb:source", "file:cookies.dat", "--yes"], "misses what is copied"),
        (["migrate", "file:cookies.dat", "lmdb:new"], "stop the node first"),
    ]:
        answer = run(*words)
        assert (answer.code, answer.out) == (3, "")
        assert "is in use by a running node: stop the node first" in answer.err
        assert why in answer.err


@pytest.fixture
def workers_backup(run, stores):
    stores.make("lmdb:source", [make_cookie("joe", JOE)])
    assert run("backup", "lmdb:source", "some.bak").code == 0
    return "some.bak"


def test_another_store_of_the_same_type_is_opened_beside_the_node(run, file_worker, stores):
    stores.make("file:other.dat", [make_cookie("other")])
    assert ids(run("ls", "file:other.dat", "--json")) == [(None, id_of("other"))]


def test_workers_are_found_from_a_configuration_elsewhere(run, workers, here, tmp_path_factory):
    config = tmp_path_factory.mktemp("elsewhere") / "node.json"
    config.write_text(json.dumps(node_config({"type": "memory"})))
    assert run("count", str(config)).code == 3
    assert run("count", str(config), "--cbdir", str(here), "--json").json["cookies"] == 3


def test_a_worker_that_has_ended_is_passed_over(run, workers, here):
    with SocketFolder.make(str(here)).listen("worker003"):
        pass
    assert (here / FOLDER / "worker003.sock").exists()
    assert run("count", "memory:", "--json").json["cookies"] == 3


def test_without_a_node_there_is_no_memory_to_look_into(run, workers):
    for worker in workers:
        worker.on_reactor(worker.listener.close)
    answer = run("ls", "memory:")
    assert (answer.code, answer.out) == (3, "")
    assert "no running node has it open" in answer.err
    assert run("watch", "memory:").code == 3


# -- watching --------------------------------------------------------------------------------------


@pytest.fixture
def watch(workers, here):
    """Begins to watch, in a process of its own."""
    begun = []

    def watch(*words):
        process = subprocess.Popen(
            [PROGRAM, "watch", "memory:", *words],
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        wait_for(lambda: all(each.tracker.audit._trails for each in workers), "two watchers")
        return process

    yield watch
    for process in begun:
        process.kill()
        process.communicate()


def test_events_are_printed_as_they_come_and_ctrl_c_is_the_usual_end(run, watch):
    process = watch("--json")
    run("revoke", "memory:", id_of("joe 2"), "--yes")
    event = json.loads(process.stdout.readline())
    assert {name: event[name] for name in ("worker", "event", "id", "by", "by_authid")} == {
        "worker": "worker002",
        "event": "revoked",
        "id": id_of("joe 2"),
        "by": "operator",
        "by_authid": operator(),
    }
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate() == ("", "")
    assert process.returncode == 0


def test_people_read_a_line_for_each(run, watch, workers):
    process = watch()
    run("revoke", "memory:", "--authid", "joe", "--yes")
    for worker in workers:
        line = process.stdout.readline()
        assert worker.name in line
        assert "revoked" in line
        assert f" joe by operator {operator()} (wamp.close.logout)" in line


def is_watched(worker):
    return bool(worker.tracker.audit._trails)


def watched(make, name):
    """A worker that starts, from when it is watched."""
    worker = make(name)
    worker.store.commit([Create(make_cookie("joe", JOE))])
    wait_for(lambda: is_watched(worker), f"{name} to be watched")
    return worker


def test_a_worker_that_starts_later_is_watched_too(run, watch, make):
    process = watch("--json")
    watched(make, "worker003")
    assert process.stderr.readline() == "watching worker003\n"
    run("revoke", "memory:", "--authid", "joe", "--yes")
    events = [json.loads(process.stdout.readline()) for _ in range(3)]
    assert {each["worker"] for each in events} == {"worker001", "worker002", "worker003"}


def test_a_node_that_starts_again_is_watched_again(run, watch, workers, make, here):
    process = watch("--json")
    for worker in workers:
        worker.on_reactor(worker.listener.close)
        assert process.stderr.readline() == f"{worker.name} has stopped\n"
    assert process.stderr.readline() == "the node has stopped: waiting until it starts again\n"
    (here / FOLDER).rmdir()
    watched(make, "worker002")
    assert process.stderr.readline() == "watching worker002\n"
    run("revoke", "memory:", "--authid", "joe", "--yes")
    assert json.loads(process.stdout.readline())["worker"] == "worker002"
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate() == ("", "")
    assert process.returncode == 0


def test_a_worker_whose_store_is_away_is_watched_when_that_is_back(watch, make):
    process = watch()
    worker = make("worker003", is_away=True)
    wait_for(lambda: worker.times_away >= 3, "two looks")
    assert not is_watched(worker)
    worker.is_away = False
    assert process.stderr.readline() == "watching worker003\n"


def test_a_line_of_a_stranger_has_no_power_over_a_terminal():
    event = {"time": "2026-11-30T14:55:30.120Z", "event": "denied", "id": None, "by": None}
    known = {"authid": "joe\x1b[2J", "authrealm": "r", "peer": None, "reason": "no\nentry"}
    text = printable(event_text("worker001", {**event, **known}))
    assert text.isprintable()
    assert text.endswith(r"worker001 denied        joe\x1b[2J in r (no\nentry)")
    assert event_text("w", {"missed": 1}) == "w: 1 event missed: this reads too slowly"


@pytest.mark.parametrize(
    ("event", "by", "reason", "told"),
    [
        ("login", "client", "ticket", "login         joe in r by ticket"),
        ("authenticated", "client", "ticket", "joe in r by ticket, stored with the cookie"),
        ("resumed", "client", "ticket", "joe in r by its cookie, after a login by ticket"),
        ("revoked", "client", "wamp.close.logout", "joe in r by client joe (wamp.close.logout)"),
        ("expired", "clock", None, "joe in r by clock"),
    ],
)
def test_how_somebody_came_in_is_said_in_words(event, by, reason, told):
    known = {"time": "2026-11-30T14:55:30.120Z", "event": event, "id": None, "peer": None}
    who = {"authid": "joe", "authrealm": "r", "by": by, "reason": reason}
    by_whom = {"by_authid": "joe" if by == "client" else None}
    assert event_text("w", {**known, **who, **by_whom}).endswith(told)
