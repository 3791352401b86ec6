"""What goes over a worker's socket, with raw sockets: bounded, and by way of the tracker."""

import json
import socket
from contextlib import ExitStack

import pytest
from attrs import evolve

from cookietrack_plugin.audit.entry import By
from cookietrack_plugin.errors import StoreUnavailable
from cookietrack_plugin.nodesocket import wire
from cookietrack_plugin.nodesocket.wire import (
    ANSWER_S,
    CLIENT_S,
    MAX_RECORDS,
    MAX_REQUEST_BYTES,
    as_line,
    received,
)
from cookietrack_plugin.record import Create
from cookietrack_plugin.router.control import connection as connection_module
from cookietrack_plugin.router.control.connection import MAX_CONNECTIONS, MAX_WATCHERS
from cookietrack_plugin.router.control.worker import VARIABLE, with_worker
from cookietrack_plugin.testing.samples import make_auth, make_cookie, make_id
from cookietrack_plugin.tracking.events import Event, Kind
from servers.patience import wait_for
from tests.support.control import controlled, read_all
from tests.support.livereactor import live_reactor
from tests.support.stores import ScriptedStore

# Far enough away for a clock that nobody has stopped.
LATER = 4_000_000_000_000
STORES = as_line({"do": "stores"})


def record(number, auth=None, expires=LATER):
    return evolve(make_cookie(number, auth), created=1, seen=2, expires=expires)


SECRET = evolve(make_auth("joe"), authextra={"token": b"\xff"})
RECORDS = [record(1, SECRET), record(2, make_auth("ann")), record(3), record(4, expires=5)]


@pytest.fixture(scope="module")
def reactor():
    with live_reactor() as reactor:
        yield reactor


@pytest.fixture
def make(reactor, tmp_path):
    with controlled(reactor, tmp_path) as make:
        yield make


@pytest.fixture
def worker(make):
    worker = make()
    worker.store.commit([Create(cookie) for cookie in RECORDS])
    return worker


def numbers(answer):
    return sorted(int(cookie.id) for cookie in received(answer["cookies"]))


def test_it_says_which_stores_the_worker_has(worker):
    [answer] = worker.send(STORES)
    [store] = answer["stores"]
    assert answer["worker"] == "worker001"
    assert (store["label"], store["path"], store["verifiable"]) == ("memory", None, False)
    assert len(store["store"]) == 64


# -- what clients send -----------------------------------------------------------------------------


def test_bytes_may_come_one_by_one(worker):
    with worker.connect() as connection:
        for each in STORES:
            connection.sendall(bytes([each]))
        [answer] = read_all(connection)
    assert answer["worker"] == "worker001"


def test_what_follows_a_request_is_ignored(worker):
    [answer] = worker.send(STORES + STORES + b"x" * 1000)
    assert answer["worker"] == "worker001"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"\n", "expected a JSON object on one line"),
        (b"\xff\n", "expected a JSON object on one line"),
        (b"[" * 50_000 + b"\n", "expected a JSON object on one line"),
        (b"[]\n", "expected a JSON object"),
        (b"{}\n", "do: expected one of stores, load,"),
        (b'{"do": ["stat"]}\n', "do: expected one of stores, load,"),
        (b"x" * MAX_REQUEST_BYTES, f"a request of at most {MAX_REQUEST_BYTES} bytes"),
    ],
)
def test_what_is_no_request_is_answered_so(worker, sent, words):
    [answer] = worker.send(sent)
    assert answer["error"] == "WrongRequest"
    assert words in answer["message"]


@pytest.mark.parametrize(
    ("name", "request_", "words"),
    [
        ("load", {}, "ids: expected a list of at most 500 ids"),
        ("load", {"ids": ["short"]}, "ids: expected"),
        ("revoke", {"ids": [make_id(1)] * (MAX_RECORDS + 1)}, "ids: expected"),
        ("revoke", {"ids": "1" * 24}, "ids: expected"),
        ("revoke_user", {"authid": 7}, "authid: expected a string or null, found an integer"),
        ("revoke_user", {"user": "joe"}, "authid: expected a string or null, found nothing"),
        ("page", {"limit": 0}, "limit: expected an integer from 1 on"),
        ("page", {"limit": "7"}, "limit: expected an integer from 1 on"),
        ("page", {"cursor": {}}, "cursor: expected a string or null, found a mapping"),
        ("search", {"selection": []}, "selection: expected a mapping, found a list"),
        ("search", {"selection": {"idle": "7"}}, "idle: expected a number with s, m, h, d or w"),
    ],
)
def test_a_wrong_request_alters_nothing(worker, name, request_, words):
    answer = worker.ask(name, **request_)
    assert answer["error"] == "WrongRequest"
    assert words in answer["message"]
    assert worker.ask("count")["count"] == 3


def test_a_cursor_of_no_page_is_a_wrong_one(worker):
    assert worker.ask("page", cursor="strange")["error"] == "ValueError"


def test_a_store_that_the_worker_does_not_have_is_not_available(worker):
    for do in ("stat", "watch"):
        [answer] = worker.send(as_line({"do": do, "store": "x"}))
        assert answer == {
            "error": "StoreUnavailable",
            "message": "the worker does not have this store open",
        }


def test_a_store_that_is_away_is_named_all_the_same(worker):
    worker.is_away = True
    [answer] = worker.send(STORES)
    assert [each["label"] for each in answer["stores"]] == ["memory"]
    assert worker.ask("stat")["message"] == "the store of this worker is away"


def test_a_client_that_does_not_end_its_request_is_cut_off(worker):
    with worker.connect() as connection:
        connection.sendall(b'{"do": ')
        wait_for(lambda: worker.connections == 1, "the connection")
        worker.pass_time(CLIENT_S - 1)
        assert worker.connections == 1
        worker.pass_time(1)
        wait_for(lambda: worker.connections == 0, "its end")
        assert read_all(connection) == []


def test_a_client_that_does_not_read_its_answer_is_cut_off(worker):
    """One that is larger than what the kernel takes from the worker."""
    long = [evolve(record(n), user_agent="x" * 10_000) for n in range(100, 200)]
    worker.store.commit([Create(cookie) for cookie in long])
    [listed] = worker.send(STORES)
    request = as_line({"do": "page", "store": listed["stores"][0]["store"]})
    wait_for(lambda: worker.connections == 0, "no other connection")
    with worker.connect() as connection:
        connection.sendall(request)
        connection.recv(1, socket.MSG_PEEK)
        assert worker.connections == 1
        worker.pass_time(CLIENT_S)
        wait_for(lambda: worker.connections == 0, "its end")


def test_clients_beyond_a_number_are_sent_away(worker):
    waiting = [worker.connect() for _ in range(MAX_CONNECTIONS)]
    wait_for(lambda: worker.connections == MAX_CONNECTIONS, "all of them")
    with worker.connect() as one_more:
        [answer] = read_all(one_more)
    assert (answer["error"], answer["message"][:16]) == ("StoreUnavailable", "too many clients")
    for each in waiting:
        each.close()
    wait_for(lambda: worker.connections == 0, "their end")
    [answer] = worker.send(STORES)
    assert answer["worker"] == "worker001"


def test_strangers_are_told_to_go(worker, monkeypatch):
    monkeypatch.setattr(connection_module, "is_trusted", lambda connection: False)
    with worker.connect() as connection:
        assert [each["message"] for each in read_all(connection)] == [
            "this socket is another user's"
        ]


# -- what they get ---------------------------------------------------------------------------------


def test_records_are_found_by_what_is_asked_of_them(worker):
    answer = worker.ask("search", selection={"authid": "joe"})
    assert numbers(answer) == [1]
    assert (answer["looked_at"], answer["cursor"]) == (1, None)
    assert received(answer["cookies"])[0].auth.authextra is None
    assert numbers(worker.ask("search")) == [1, 2, 3]
    assert numbers(worker.ask("search", selection={"expired": True})) == [4]
    assert worker.ask("count", selection={"anonymous": True})["count"] == 1
    first = worker.ask("search", limit=2)
    assert numbers(worker.ask("search", cursor=first["cursor"])) == [3]


def test_a_page_has_everything_as_it_is_stored(worker):
    first = worker.ask("page", limit=3)
    rest = worker.ask("page", cursor=first["cursor"])
    assert received(first["cookies"] + rest["cookies"]) == RECORDS
    assert numbers(worker.ask("page", authid="ann")) == [2]


def test_single_records_are_loaded_expired_ones_too(worker):
    ids = [make_id(number) for number in (1, 4, 77)]
    assert numbers(worker.ask("load", ids=ids)) == [1, 4]
    [joe] = received(worker.ask("load", ids=ids[:1], extra=True)["cookies"])
    assert joe == RECORDS[0]


def test_the_stores_numbers_have_its_connections(worker):
    assert worker.ask("stat")["connected"] == 0
    assert worker.ask("stat")["cookies"] == 4


def test_an_end_goes_through_the_tracker_with_the_name_of_who_has_asked(worker):
    events = []
    worker.on_reactor(worker.tracker.events.subscribe, events.append)
    ids = [make_id(2), make_id(77)]
    answer = worker.ask("revoke", ids=ids, operator="alice as root")
    assert answer == {"cookies": 1, "connections": 0}
    assert [(each.kind, each.id, each.actor.by, each.actor.authid) for each in events] == [
        (Kind.REVOKED, make_id(2), By.OPERATOR, "alice as root")
    ]
    answer = worker.ask("revoke_user", authid="joe", operator="root")
    assert answer == {"cookies": 1, "connections": 0}
    assert numbers(worker.ask("search")) == [3]


def test_an_end_of_all_that_a_user_has_spares_what_is_kept(worker):
    assert worker.ask("revoke_user", authid="joe", keep=[make_id(1)])["cookies"] == 0
    assert 1 in numbers(worker.ask("search"))
    assert worker.ask("revoke_user", authid="joe", keep=["none"])["message"].startswith("keep: ")
    assert worker.ask("revoke_user", authid="joe")["cookies"] == 1


def test_expired_records_are_removed(worker):
    assert worker.ask("expire") == {"removed": 1}
    assert worker.ask("expire") == {"removed": 0}


def test_what_is_not_verifiable_tells_of_no_damage(worker):
    assert worker.ask("damaged") == {"damaged": []}


def test_an_end_that_is_not_stored_yet_says_so_and_nobody_reads_the_record(make):
    store = ScriptedStore()
    store.cookies = {cookie.id: cookie for cookie in RECORDS}
    store.fail_commits()
    worker = make(store=store)
    answer = worker.ask("revoke", ids=[make_id(1)])
    assert answer["error"] == "StoreUnavailable"
    assert answer["message"].startswith("it is in force on this worker")
    assert numbers(worker.ask("page")) == [2, 3, 4]
    assert numbers(worker.ask("load", ids=[make_id(1), make_id(2)])) == [2]
    store.recover()


def test_a_store_that_hangs_is_said_to_and_what_was_asked_goes_on(make):
    store = ScriptedStore(commits_block=True)
    store.cookies = {cookie.id: cookie for cookie in RECORDS}
    worker = make(store=store)
    [listed] = worker.send(STORES)
    request = {"do": "revoke", "store": listed["stores"][0]["store"], "ids": [make_id(1)]}
    store.commits.shut()
    with worker.connect() as connection:
        connection.sendall(as_line(request))
        wait_for(store.commits.reached(), "the commit")
        worker.pass_time(ANSWER_S)
        [answer] = read_all(connection)
    assert answer == {"error": "StoreUnavailable", "message": "the store does not answer"}
    store.commits.open()
    wait_for(lambda: make_id(1) not in store.cookies, "the end")


def test_a_client_that_has_gone_does_no_harm(make, log):
    store = ScriptedStore(reads_block=True)
    worker = make(store=store)
    [listed] = worker.send(STORES)
    store.reads.shut()
    with worker.connect() as connection:
        request = {"do": "load", "store": listed["stores"][0]["store"], "ids": [make_id(1)]}
        connection.sendall(as_line(request))
        wait_for(store.reads.reached(), "the look-up")
    wait_for(lambda: worker.connections == 0, "its end")
    store.reads.open()
    assert worker.ask("count")["count"] == 0
    assert log.at("error", "critical") == []


def test_an_error_of_ours_is_logged_and_not_told(worker, log, monkeypatch):
    monkeypatch.setattr(worker.tracker, "stat", lambda: 1 / 0)
    assert worker.ask("stat") == {"error": "RuntimeError", "message": "an internal error"}
    assert log.at("critical") == ["a request of the command failed: division by zero"]
    assert "log says why" in str(wire.error_of(worker.ask("stat")))


def test_a_stores_own_numbers_may_be_of_any_type(worker, monkeypatch):
    monkeypatch.setattr(worker.tracker, "stat", lambda: {"cookies": 1, "what": {7}})
    assert worker.ask("stat") == {"cookies": 1, "what": "{7}"}


def test_a_command_of_another_version_is_told_that_it_is_not_understood(worker):
    error = wire.error_of(worker.ask("fly"))
    assert isinstance(error, StoreUnavailable)
    assert "does not understand the command: do: expected one of" in str(error)


# -- watching --------------------------------------------------------------------------------------


@pytest.fixture
def watching(worker):
    """A connection that watches, of whose answer nothing was read but the first line."""
    [listed] = worker.send(STORES)
    with worker.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(as_line({"do": "watch", "store": listed["stores"][0]["store"]}))
        with connection.makefile("rb") as lines:
            assert json.loads(lines.readline()) == {"watching": True}
            wait_for(lambda: worker.tracker.audit._trails, "the trail")
            yield lines
    wait_for(lambda: not worker.tracker.audit._trails, "the end of the trail")


def publish(worker, *numbers):
    for number in numbers:
        event = Event(Kind.REVOKED, make_id(number), "joe", "realm1", peer="tcp4:192.0.2.7:1")
        worker.tracker.events.publish(event)


def test_events_come_as_the_audit_log_has_them(worker, watching):
    worker.on_reactor(publish, worker, 1, 2)
    first, second = (json.loads(watching.readline()) for _ in range(2))
    assert first["event"] == "revoked"
    assert (first["id"], first["authid"], first["authrealm"]) == (make_id(1), "joe", "realm1")
    assert (first["peer"], second["id"]) == ("tcp4:192.0.2.7:1", make_id(2))
    assert first["time"].endswith("Z")


def test_who_reads_too_slowly_misses_events_and_is_told_how_many(worker, watching):
    many, last = 5000, 77
    for start in range(0, many, 500):
        worker.on_reactor(publish, worker, *range(start, start + 500))
    seen = missed = 0
    while seen + missed < many:
        line = json.loads(watching.readline())
        seen, missed = seen + ("id" in line), missed + line.get("missed", 0)
    assert seen + missed == many
    assert missed > many / 2
    worker.on_reactor(publish, worker, last)
    assert json.loads(watching.readline())["id"] == make_id(last)


def test_those_who_watch_leave_room_for_others(worker):
    [listed] = worker.send(STORES)
    watch = as_line({"do": "watch", "store": listed["stores"][0]["store"]})
    with ExitStack() as stack:
        for _ in range(MAX_WATCHERS):
            connection = stack.enter_context(worker.connect())
            connection.sendall(watch)
        wait_for(lambda: len(worker.tracker.audit._trails) == MAX_WATCHERS, "all of them")
        [answer] = worker.send(watch)
        assert (answer["error"], answer["message"]) == (
            "StoreUnavailable",
            "16 clients watch this worker already",
        )
        assert worker.ask("revoke", ids=[make_id(1)], operator="root")["cookies"] == 1
    wait_for(lambda: not worker.tracker.audit._trails, "their end")


def test_it_ends_with_the_worker(worker, watching):
    worker.on_reactor(worker.listener.close)
    assert watching.read() == b""


# -- the worker ------------------------------------------------------------------------------------


def test_a_worker_without_a_place_for_its_socket_works_without(make, tmp_path, log):
    (tmp_path / ".cookietrack").write_text("no folder")
    worker = make()
    assert worker.on_reactor(worker.listener.close) is None
    [line] = log.at("warn")
    assert line.startswith("the command cookietrack cannot reach this worker")


def test_its_socket_is_gone_when_it_stops(worker, tmp_path):
    worker.on_reactor(worker.listener.close)
    assert list((tmp_path / ".cookietrack").iterdir()) == []


def test_a_worker_learns_its_id_from_the_node():
    args = ["python", "--worker", "worker007", "--realm", "r"]
    env = with_worker({"inherit": True, "vars": {"MINE": "1"}}, args)
    assert env == {"inherit": True, "vars": {"MINE": "1", VARIABLE: "worker007"}}
    assert with_worker({}, []) == {}
