"""`cookietrack ls`, `show` and `stat`."""

import subprocess
import sys

import pytest

from cookietrack_plugin.admin.view import COLUMNS
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Create
from tests.admin.conftest import JOE, NOW, expired, make_cookie, snapshot

STORES = ["file:cookies.dat", "lmdb:.cookies"]
MARY = Auth("mary", "admin", "ticket", "realm2")


@pytest.fixture(params=STORES)
def name(request, stores):
    """A store with two users, two strangers, and what has expired."""
    good = [make_cookie("joe", JOE), make_cookie("mary", MARY), make_cookie("stranger")]
    return stores.make(request.param, [*good, expired("gone", JOE), expired("stranger gone")])


def ids(answer):
    return sorted(each["id"] for each in answer.lines)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["joe", "mary", "stranger"]),
        (["--authid", "joe"], ["joe"]),
        (["--authrealm", "realm2"], ["mary"]),
        (["--authid", "joe", "--authrealm", "realm2"], []),
        (["--anonymous"], ["stranger"]),
        (["--expired"], ["gone", "stranger gone"]),
        (["--expired", "--anonymous"], ["stranger gone"]),
        (["--expired", "--authid", "joe"], ["gone"]),
    ],
)
def test_cookies_are_chosen_by_who_they_are_and_whether_they_are_good(run, name, filters, expected):
    assert ids(run("ls", name, "--json", *filters)) == sorted(map(id_of, expected))


def test_a_limit_is_kept(run, name):
    assert len(run("ls", name, "--json", "--limit", "2").lines) == 2


def test_a_cookie_in_json_has_all_but_its_authextra(run, name):
    assert run("ls", name, "--json", "--authid", "joe").lines == [
        {
            "id": id_of("joe"),
            "authid": "joe",
            "authrole": "user",
            "authmethod": "ticket",
            "authrealm": "realm1",
            "created": NOW - 7_200_000,
            "seen": NOW - 3_600_000,
            "expires": NOW + 86_400_000,
            "peer": "tcp4:192.0.2.7:52410",
            "user_agent": "Mozilla/5.0",
        }
    ]


def test_a_person_gets_columns_and_on_stderr_how_many_there_were(run, name):
    answer = run("ls", name)
    header, *lines = answer.out.splitlines()
    assert tuple(header.split()) == COLUMNS
    [joe] = [line for line in lines if line.startswith(id_of("joe"))]
    cells = ("joe", "realm1", "user", "1 hour ago", "in 23 hours", "tcp4:192.0.2.7:52410")
    assert joe.split()[1:] == " ".join(cells).split()
    assert [line.index("realm") for line in lines if "realm" in line] == [header.index("REALM")] * 2
    assert answer.err == "3 cookies\n"


def test_an_empty_list_is_an_answer_and_no_error(run, name):
    answer = run("ls", name, "--authid", "nobody")
    assert (answer.code, answer.out, answer.err) == (0, "", "0 cookies\n")


def test_no_secret_is_listed(run, name):
    for words in (["ls", name], ["show", name, id_of("joe")]):
        assert "secret-token" not in run(*words).out
        assert "secret-token" not in run(*words, "--json").out


def test_what_a_client_has_chosen_cannot_rewrite_the_list(run, stores):
    auth = Auth("\x1b[2Jjoe\n", "user", "ticket", "realm1")
    stores.make("lmdb:x", [make_cookie("a", auth, peer="\x1b]0;x\x07", user_agent="\x1b[31m")])
    for words in (["ls"], ["ls", "--json"], ["show", id_of("a")]):
        out = run(words[0], "lmdb:x", *words[1:]).out
        assert "\x1b" not in out
        assert "2Jjoe" in out


def test_anonymous_excludes_a_login(run, name):
    answer = run("ls", name, "--anonymous", "--authid", "joe")
    assert (answer.code, answer.error) == (2, "--anonymous excludes --authid and --authrealm")


def test_listing_one_users_cookies_touches_no_other_record(run, observed):
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie(str(n), JOE if n < 3 else MARY)) for n in range(5_000)])
    store.calls.clear()
    store.visited = 0
    assert len(run("ls", "observed:x", "--authid", "joe", "--json").lines) == 3
    assert (store.calls, store.visited) == (["scan joe None"], 3)


def test_a_limited_list_reads_no_further_than_its_limit(run, observed):
    run("ls", "observed:x")
    observed["x"].commit([Create(make_cookie(str(n))) for n in range(5_000)])
    assert len(run("ls", "observed:x", "--limit", "7").out.splitlines()) == 8
    assert observed["x"].visited == 7


def test_a_long_list_keeps_its_columns_and_cuts_nothing_off(run, stores):
    names = [f"user{'x' * (n // 20)}" for n in range(300)]
    cookies = [make_cookie(n, Auth(n, "user", "ticket", "r")) for n in names]
    stores.make("lmdb:x", {cookie.id: cookie for cookie in cookies}.values())
    lines = run("ls", "lmdb:x").out.splitlines()
    assert {line.split()[1] for line in lines[1:]} == set(names)
    assert lines[0].count("AUTHID") == 1
    assert "…" not in "".join(lines)


def test_a_list_that_nobody_reads_to_its_end_ends_quietly(here, stores):
    stores.make("lmdb:x", [make_cookie(str(n)) for n in range(3_000)])
    code = "from cookietrack_plugin.admin.cli import main; main()"
    command = f"{sys.executable} -c '{code}' ls lmdb:x | head -2"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert len(found.stdout.splitlines()) == 2
    assert found.stderr == ""


# -- show ------------------------------------------------------------------------------------


def test_one_cookie_is_shown_with_its_times_as_dates_and_distances(run, name):
    fields = dict(
        line.split(maxsplit=1) for line in run("show", name, id_of("joe")).out.splitlines()
    )
    assert fields["authid"] == "joe"
    assert fields["user_agent"] == "Mozilla/5.0"
    assert fields["created"].endswith("(2 hours ago)")
    assert fields["seen"].endswith("(1 hour ago)")
    assert fields["expires"].endswith("(in 23 hours)")
    assert "authextra" not in fields


def test_an_expired_cookie_is_shown_as_that(run, name):
    assert "(1 hour ago)" in run("show", name, id_of("gone")).out


def test_the_authextra_is_shown_when_it_is_asked_for(run, name):
    assert "secret-token" in run("show", name, id_of("joe"), "--extra").out
    shown = run("show", name, id_of("joe"), "--extra", "--json").json
    assert shown["authextra"] == {"token": "secret-token"}
    assert run("show", name, id_of("stranger"), "--extra", "--json").json["authextra"] is None


def test_bytes_in_an_authextra_are_shown_as_wamp_writes_them_in_json(run, stores):
    stores.make("lmdb:x", [make_cookie("a", Auth("a", "b", "c", "d", {"key": b"\xff"}))])
    assert run("show", "lmdb:x", id_of("a"), "--extra", "--json").json["authextra"] == {
        "key": "\0/w=="
    }


def test_a_cookie_that_is_not_there_is_told_by_message_and_exit_code(run, here, name):
    answer = run("show", name, id_of("nobody"))
    store_type, location = name.split(":")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"no cookie {id_of('nobody')} in {store_type}:{here}/{location}\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "name one cookie, by its id"),
        ([id_of("joe"), id_of("mary")], "name one cookie, by its id"),
        (["too-short"], "'too-short' is no cookie id: those have 24 characters, and follow STORE"),
    ],
)
def test_show_takes_one_id(run, name, names, message):
    answer = run("show", name, *names)
    assert (answer.code, answer.error) == (2, message)


# -- stat ------------------------------------------------------------------------------------


def test_the_numbers_of_a_store_are_shown(run, here, name):
    store_type, location = name.split(":")
    found = run("stat", name, "--json").json
    assert (found["store"], found["transports"]) == (f"{store_type}:{here}/{location}", [])
    assert found["stat"]["cookies"] == 5
    assert found["stat"]["bytes"] > 0
    fields = dict(line.split(maxsplit=1) for line in run("stat", name).out.splitlines())
    assert fields["cookies"] == "5"
    assert fields["bytes"].endswith(("bytes", "KiB"))


def test_looking_changes_nothing(run, here, name):
    before = snapshot(here)
    for words in (["ls", name], ["show", name, id_of("joe")], ["stat", name]):
        assert run(*words).code == 0
    assert {path: data for path, data in snapshot(here).items() if path in before} == before
