"""`cookietrack revoke` and `purge`."""

import pty
import subprocess
import sys
from pathlib import Path

import pytest
from zope.interface import alsoProvides

from cookietrack_plugin.admin.batches import STEP
from cookietrack_plugin.header import id_of
from cookietrack_plugin.interfaces import IBatchLimit, IUserRevocation
from cookietrack_plugin.record import Auth, Authenticate, Create
from cookietrack_plugin.stores.kit.paging import records
from tests.admin.conftest import JOE, NOW, expired, make_cookie

PROGRAM = str(Path(sys.executable).parent / "cookietrack")
ELSEWHERE = Auth("joe", "user", "ticket", "realm2")
MARY = Auth("mary", "user", "ticket", "realm1")
COOKIES = {"phone": JOE, "laptop": JOE, "elsewhere": ELSEWHERE, "mary": MARY, "stranger": None}


@pytest.fixture(params=["file:cookies.dat", "lmdb:.cookies"])
def name(request, stores):
    """A store with three cookies of joe's in two realms, and two of others."""
    return stores.make(request.param, [make_cookie(*item) for item in COOKIES.items()])


def left(stores, name):
    ids = stores.read(name)
    return [value for value in COOKIES if id_of(value) in ids]


@pytest.mark.parametrize(
    ("words", "ended", "expected"),
    [
        ([id_of("phone")], "1 cookie ended", ["laptop", "elsewhere", "mary", "stranger"]),
        ([id_of("phone"), id_of("mary")], "2 cookies ended", ["laptop", "elsewhere", "stranger"]),
        ([id_of("phone"), id_of("phone")], "1 cookie ended", list(COOKIES)[1:]),
        (["--authid", "joe"], "3 cookies ended", ["mary", "stranger"]),
        (["--authid", "joe", "--authrealm", "realm1"], "2 cookies ended", list(COOKIES)[2:]),
        (["--authid", "nobody"], "0 cookies ended", list(COOKIES)),
        (["--all"], "5 cookies ended", []),
    ],
)
def test_what_is_ended_is_gone_and_counted(run, stores, name, words, ended, expected):
    answer = run("revoke", name, "--yes", *words)
    assert (answer.code, answer.out, answer.err) == (0, f"{ended}\n", "")
    assert left(stores, name) == expected


def test_the_answer_in_json_has_the_counts(run, here, name):
    store_type, location = name.split(":")
    assert run("revoke", name, "--yes", "--json", "--authid", "joe").json == {
        "store": f"{store_type}:{here}/{location}",
        "ended": 3,
        "absent": 0,
    }


def test_an_id_that_is_not_there_is_told_and_the_others_end(run, stores, name):
    answer = run("revoke", name, "--yes", id_of("phone"), id_of("nobody"))
    assert (answer.code, answer.out) == (1, "1 cookie ended\n")
    assert answer.err.startswith("1 id not in ")
    assert left(stores, name) == list(COOKIES)[1:]


def test_an_id_that_begins_with_a_dash_is_an_id(run, stores, name):
    value = next(f"v{n}" for n in range(10_000) if id_of(f"v{n}").startswith("-"))
    dashed = id_of(value)
    stores.make(name, [make_cookie(value)])
    assert run("show", name, dashed, "--json").json["id"] == dashed
    assert run("revoke", name, id_of("phone"), dashed, "--yes").out == "2 cookies ended\n"
    assert left(stores, name) == list(COOKIES)[1:]
    assert dashed not in stores.read(name)
    assert run("ls", name, "--authid", "-" * 24, "--json").lines == []


NOTHING = "expected what to end: ids, --authid NAME, --authrealm REALM or --all; found nothing"
ONE_ANSWER = "expected one of ids, --authid and --authrealm, and --all; found both"
TAKEN = (
    ": a text of 5 characters is taken for STORE, as it is no id, which has 24 of A-Z, a-z, 0-9,"
    " - and _"
)
NO_ID = (
    "expected the id of a cookie, which has 24 characters of A-Z, a-z, 0-9, - and _, as"
    " `cookietrack ls` shows it; found a text of {} characters at position 2. A user is named with"
    " --authid, and a cookie never by its value"
)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], NOTHING),
        (["--all", "--authid", "joe"], f"{ONE_ANSWER} --authid and --all"),
        (["--all", id_of("phone")], f"{ONE_ANSWER} ids and --all"),
        (["--all", "abc"], f"{ONE_ANSWER} ids and --all"),
        (["--authid", "joe", "abc"], f"{ONE_ANSWER} --authid and ids"),
        (["--authrealm", "realm1", id_of("phone")], f"{ONE_ANSWER} --authrealm and ids"),
        (["--all", "--authrealm", "realm1"], f"{ONE_ANSWER} --authrealm and --all"),
        (["phone"], NO_ID.format(5)),
        ([id_of("phone") + "="], NO_ID.format(25)),
        (["lmdb:x"], "STORE comes first, and ids follow: found lmdb: at position 2"),
        (["--authid"], "Option '--authid' requires an argument."),
        (["--authid", ""], "--authid and --authrealm need a name that is not empty"),
        (["--authrealm", ""], "--authid and --authrealm need a name that is not empty"),
        (
            ["--authid", "joe", "--authrealm", ""],
            "--authid and --authrealm need a name that is not empty",
        ),
        (["--authid", "-" * 24, id_of("phone")], f"{ONE_ANSWER} --authid and ids"),
    ],
)
def test_a_wrong_choice_is_refused_and_ends_nothing(run, stores, name, words, message):
    answer = run("revoke", name, "--yes", *words)
    assert (answer.code, answer.out, answer.error) == (2, "", message)
    assert left(stores, name) == list(COOKIES)


@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["revoke", "--all"], "End ALL cookies in {}?"),
        (["revoke", "--authid", "joe"], "End all cookies of 'joe' in {}?"),
        (
            ["revoke", "--authid", "joe", "--authrealm", "r"],
            "End all cookies of 'joe' in realm 'r' in {}?",
        ),
        (
            ["revoke", "--authrealm", "r"],
            "End all cookies that are logged in to realm 'r' in {}?",
        ),
        (["revoke", id_of("phone"), id_of("mary")], "End 2 cookies in {}?"),
        (["purge"], "Remove all expired cookies from {}?"),
    ],
)
def test_what_cannot_be_undone_is_asked_first(run, here, stores, name, terminal, words, question):
    asked = run(words[0], name, *words[1:], input="n\n")
    store_type, location = name.split(":")
    assert asked.code == 1
    assert asked.err.startswith(question.format(f"{store_type}:{here}/{location}") + " [y/N]: ")
    assert left(stores, name) == list(COOKIES)


def test_a_yes_goes_on(run, stores, name, terminal):
    assert run("revoke", name, "--all", input="y\n").out == "5 cookies ended\n"


@pytest.mark.parametrize("words", [["revoke", "--all"], ["purge"]])
def test_where_nobody_can_be_asked_nothing_is_done(run, stores, name, words):
    answer = run(words[0], name, *words[1:], input="y\n")
    assert (answer.code, answer.out) == (2, "")
    assert answer.error.endswith("No terminal to ask on: pass --yes. Nothing was changed")
    assert left(stores, name) == list(COOKIES)


def test_somebody_at_a_terminal_is_asked(here, stores):
    stores.make("lmdb:x", [make_cookie("a")])
    ours, theirs = pty.openpty()
    with (
        subprocess.Popen(
            [PROGRAM, "revoke", "lmdb:x", "--all"], stdin=theirs, stdout=-1, stderr=-1, text=True
        ) as command,
        open(ours, "w") as keyboard,
    ):
        keyboard.write("y\n")
        keyboard.flush()
        out, err = command.communicate()
    assert (out, command.returncode) == ("1 cookie ended\n", 0)
    assert "End ALL cookies" in err


@pytest.fixture
def revoking(observed, run):
    """A store that revokes users itself; `revoked` are the users that it was asked for."""
    run("ls", "observed:x")
    store = observed["x"]
    store.revoked = []

    def revoke_user(authid, authrealm, keep=frozenset()):
        store.revoked.append((authid, authrealm, keep))
        return 7

    store.revoke_user = revoke_user
    alsoProvides(store, IUserRevocation)
    store.calls.clear()
    return store


@pytest.mark.parametrize(
    ("words", "revoked"),
    [
        (["--authid", "joe"], ("joe", None, frozenset())),
        (["--authid", "joe", "--authrealm", "realm1"], ("joe", "realm1", frozenset())),
        (["--all"], (None, None, frozenset())),
    ],
)
def test_a_store_that_can_revokes_a_user_in_one_step(run, revoking, words, revoked):
    answer = run("revoke", "observed:x", "--yes", *words)
    assert (answer.code, answer.out, answer.err) == (0, "7 cookies ended\n", "")
    assert revoking.revoked == [revoked]
    assert revoking.calls == []


def test_ids_are_deleted_by_such_a_store_as_by_others(run, revoking):
    revoking.commit([Create(make_cookie("phone", JOE))])
    revoking.calls.clear()
    answer = run("revoke", "observed:x", "--yes", id_of("phone"))
    assert (answer.out, revoking.calls) == ("1 cookie ended\n", ["commit 1"])
    assert revoking.revoked == []


def test_no_commit_has_more_changes_than_the_store_takes(run, observed):
    run("ls", "observed:x")
    store = observed["x"]
    store.max_changes = 2
    alsoProvides(store, IBatchLimit)
    store.commit([Create(make_cookie(str(n))) for n in range(3)])
    store.calls.clear()
    assert run("revoke", "observed:x", "--all", "--yes").out == "3 cookies ended\n"
    assert [call for call in store.calls if "commit" in call] == ["commit 2", "commit 1"]


def test_ending_a_users_cookies_touches_no_other_record(run, observed):
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie(str(n), JOE if n < 3 else MARY)) for n in range(5_000)])
    store.calls.clear()
    store.visited = 0
    assert run("revoke", "observed:x", "--authid", "joe", "--yes").out == "3 cookies ended\n"
    assert store.calls == ["page joe None", "commit 3", "page joe None"]
    assert store.visited == 3


def test_cookies_end_in_steps_between_which_a_running_node_commits(run, observed):
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie(str(n))) for n in range(2 * STEP + 1)])
    store.calls.clear()
    run("revoke", "observed:x", "--all", "--yes")
    assert [call for call in store.calls if call.startswith("commit")] == [
        f"commit {STEP}",
        f"commit {STEP}",
        "commit 1",
    ]


def test_a_login_that_comes_in_between_does_not_survive(run, observed, monkeypatch):
    """The cookie was there, without a login: the second walk finds it."""
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie("phone", JOE)), Create(make_cookie("racing"))])
    commit = store.commit

    def commit_and_log_in(changes):
        if store.load([id_of("racing")]):
            commit([Authenticate(id_of("racing"), JOE, NOW)])
        return commit(changes)

    monkeypatch.setattr(store, "commit", commit_and_log_in)
    assert run("revoke", "observed:x", "--authid", "joe", "--yes").out == "2 cookies ended\n"
    assert list(records(store)) == []


def test_a_login_on_a_cookie_that_is_created_later_stays(run, observed, monkeypatch):
    """Their cookie was made after the revocation had begun."""
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie("phone", JOE))])
    commit = store.commit

    def commit_and_come_back(changes):
        commit([Create(make_cookie("new", JOE, created=2**45))])
        return commit(changes)

    monkeypatch.setattr(store, "commit", commit_and_come_back)
    assert run("revoke", "observed:x", "--authid", "joe", "--yes").out == "1 cookie ended\n"
    assert [cookie.id for cookie in records(store)] == [id_of("new")]


# -- purge -----------------------------------------------------------------------------------


@pytest.mark.parametrize("store_type", ["file", "lmdb"])
def test_what_has_expired_is_removed_and_counted(run, stores, store_type):
    name = stores.make(f"{store_type}:x", [make_cookie("good", JOE), expired("a"), expired("b")])
    assert run("purge", name, "--yes").out == "2 expired cookies removed\n"
    assert list(stores.read(name)) == [id_of("good")]
    assert run("purge", name, "--yes", "--json").json["removed"] == 0


@pytest.mark.parametrize("count", [2 * STEP, 2 * STEP + 1])
def test_purging_goes_in_steps_until_nothing_is_left(run, observed, count):
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(expired(str(n))) for n in range(count)])
    store.calls.clear()
    assert run("purge", "observed:x", "--yes").out == f"{count:,} expired cookies removed\n"
    assert store.calls == ["expire"] * 3


@pytest.mark.parametrize("command", ["revoke", "show"])
def test_what_is_no_id_is_said_to_have_been_taken_for_a_store(run, command):
    answer = run(command, "phone")
    assert answer.code == 2
    assert answer.error.endswith(TAKEN)
    assert "phone" not in answer.error
