"""`cookietrack ls`, `show` and `stat`."""

import re
import subprocess
import sys
import time

import pytest
from attrs import evolve

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


def test_what_is_chosen_can_be_counted(run, here, name):
    store_type, location = name.split(":")
    assert run("count", name).out == "3\n"
    assert run("count", name, "--expired", "--authid", "joe").out == "1\n"
    assert run("count", name, "--json").json == {
        "store": f"{store_type}:{here}/{location}",
        "cookies": 3,
    }


MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture
def aged(stores):
    """Cookies of different ages and places."""
    # Others were made when the tests began, which may be long ago.
    now = int(time.time() * 1000)
    return stores.make(
        "lmdb:aged",
        [
            make_cookie("old", JOE, created=now - 50 * HOUR, seen=now - 40 * HOUR, peer="unix"),
            make_cookie("idle", created=now - 5 * HOUR, seen=now - 4 * HOUR, peer=None),
            make_cookie(
                "young",
                MARY,
                created=now - 10 * MINUTE,
                seen=now - 5 * MINUTE,
                peer="tcp6:2001:db8::7:443",
            ),
            make_cookie("far", MARY, expires=now + HOUR, peer="tcp4:192.0.2.130:52410"),
            make_cookie("near", JOE, peer="tcp4:192.0.2.7:52410", user_agent="Chrome/1"),
        ],
    )


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--older", "5h"], ["old", "idle"]),
        (["--newer", "30m"], ["young"]),
        (["--older", "1h", "--newer", "1d"], ["idle", "far", "near"]),
        (["--idle", "1d"], ["old"]),
        (["--idle", "0s"], ["old", "idle", "young", "far", "near"]),
        (["--active", "600S"], ["young"]),
        (["--peer", "192.0.2.0/24"], ["far", "near"]),
        (["--peer", "192.0.2.7"], ["near"]),
        (["--peer", "192.0.2.7/25"], ["near"]),
        (["--peer", "2001:db8::/32"], ["young"]),
        (["--peer", "unix"], ["old"]),
        (["--role", "admin"], ["young", "far"]),
        (["--role", "nobody"], []),
        (["--device", "chrome"], ["near"]),
        (["--role", "admin", "--authid", "joe"], []),
        (["--role", "admin", "--peer", "192.0.2.0/24"], ["far"]),
    ],
)
def test_cookies_are_chosen_by_age_peer_and_role(run, aged, filters, expected):
    assert ids(run("ls", aged, "--json", *filters)) == sorted(map(id_of, expected))
    assert run("count", aged, *filters).out == f"{len(expected)}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--sort", "created"], ["young", "far", "near", "idle", "old"]),
        (["--sort", "created", "--reverse"], ["old", "idle", "far", "near", "young"]),
        (["--sort", "seen", "--limit", "1"], ["young"]),
        (["--sort", "seen", "--limit", "1", "--reverse"], ["old"]),
        (["--sort", "expires", "--limit", "1"], ["far"]),
        (["--sort", "peer"], ["near", "far", "young", "idle", "old"]),
    ],
)
def test_cookies_are_listed_in_the_order_that_is_asked_for(run, aged, words, expected):
    found = [each["id"] for each in run("ls", aged, "--json", *words).lines]
    # What is equal comes in any order.
    pair = {id_of("far"), id_of("near")} if "created" in words else set()
    plain = [id_of(each) for each in expected]
    assert [id in pair or id for id in found] == [id in pair or id for id in plain]


@pytest.mark.parametrize(
    ("order", "field"), [("authid", "authid"), ("authrealm", "authrealm"), ("role", "authrole")]
)
def test_in_the_order_of_a_login_those_without_one_come_last(run, aged, order, field):
    found = [each[field] for each in run("ls", aged, "--json", "--sort", order).lines]
    assert found[:-1] == sorted(found[:-1])
    assert found[-1] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--older", "3x"], "expected a number with s, m, h, d or w, such as 12h, found '3x'"),
        (["--idle", "-1h"], "expected a number with s, m, h, d or w"),
        (["--peer", "host"], "expected an address or a network, such as 192.0.2.7"),
        (["--sort", "age"], "'age' is not one of 'created', 'seen'"),
        (["--reverse"], "--reverse goes with --sort"),
    ],
)
def test_a_wrong_choice_is_told_with_what_is_allowed(run, aged, words, message):
    answer = run("ls", aged, *words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.error


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
            "logged_in": None,
            "created": NOW - 7_200_000,
            "seen": NOW - 3_600_000,
            "expires": NOW + 86_400_000,
            "peer": "tcp4:192.0.2.7:52410",
            "user_agent": "Mozilla/5.0",
        }
    ]


@pytest.mark.usefixtures("at_now")
def test_a_person_gets_columns_and_on_stderr_how_many_there_were(run, name):
    answer = run("ls", name)
    header, *lines = answer.out.splitlines()
    assert tuple(header.split()) == COLUMNS
    [joe] = [line for line in lines if line.startswith(id_of("joe"))]
    cells = (
        "joe",
        "realm1",
        "user",
        "2 hours ago",
        "an hour ago",
        "in a day",
        "tcp4:192.0.2.7:52410",
    )
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
    assert (answer.code, answer.error) == (
        2,
        "--anonymous excludes --authid, --authrealm and --role",
    )


def test_listing_one_users_cookies_touches_no_other_record(run, observed):
    run("ls", "observed:x")
    store = observed["x"]
    store.commit([Create(make_cookie(str(n), JOE if n < 3 else MARY)) for n in range(5_000)])
    store.calls.clear()
    store.visited = 0
    assert len(run("ls", "observed:x", "--authid", "joe", "--json").lines) == 3
    assert (store.calls, store.visited) == (["page joe None"], 3)


def test_a_limited_list_reads_no_further_than_it_has_to(run, observed):
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


@pytest.mark.parametrize(
    "words",
    [
        ["ls", "lmdb:x"],
        ["ls", "lmdb:x", "--json"],
        ["stat", "lmdb:x"],
        ["stores"],
        ["--help"],
        ["ls", "--help"],
    ],
    ids=" ".join,
)
def test_a_reader_who_has_had_enough_is_no_failure(stores, words):
    stores.make("lmdb:x", [make_cookie(str(n)) for n in range(3_000)])
    code = "from cookietrack_plugin.admin.cli import main; main()"
    command = f"{sys.executable} -c '{code}' {' '.join(words)} | true; exit ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


def test_a_command_that_finds_something_wrong_says_so_without_a_reader(here):
    (here / "cookies.dat").write_text("Dear Sir or Madam\n")
    code = "from cookietrack_plugin.admin.cli import main; main()"
    command = f"{sys.executable} -c '{code}' diagnose file:cookies.dat | true"
    found = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, check=False
    )
    assert (found.returncode, found.stderr) == (1, b"")


@pytest.mark.parametrize("words", [["ls"], ["ls", "--json"], ["stat"], ["diagnose"]])
def test_output_that_cannot_be_written_is_no_fault_of_the_store(stores, words):
    stores.make("lmdb:x", [make_cookie("a")])
    code = "from cookietrack_plugin.admin.cli import main; main()"
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-c", code, *words, "lmdb:x"]
        found = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "Error: the output cannot be written: No space left on device\n"
    assert (found.returncode, found.stderr) == (1, told)


def test_without_standard_streams_no_file_of_the_store_takes_their_place(stores):
    stores.make("lmdb:x", [make_cookie("a")])
    code = (
        "import os, cookietrack_plugin.admin.cli as cli, sys\n"
        "cli.open_standard_streams()\n"
        "print('lost', file=sys.stderr)\n"
        "sys.exit([os.readlink(f'/proc/self/fd/{n}') for n in range(3)] != ['/dev/null'] * 3)"
    )
    closed = f'{sys.executable} -c "{code}" <&- >&- 2>&-'
    assert subprocess.run(["bash", "-c", closed], check=False).returncode == 0
    code = "from cookietrack_plugin.admin.cli import main; main()"
    closed = f"{sys.executable} -c '{code}' ls lmdb:x <&- >&- 2>&-"
    assert subprocess.run(["bash", "-c", closed], check=False).returncode == 0


# -- show ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_now")
def test_one_cookie_is_shown_with_its_times_as_dates_and_distances(run, name):
    fields = dict(
        line.split(maxsplit=1) for line in run("show", name, id_of("joe")).out.splitlines()
    )
    assert fields["authid"] == "joe"
    assert fields["user_agent"] == "Mozilla/5.0"
    assert fields["created"].endswith("(2 hours ago)")
    assert fields["seen"].endswith("(an hour ago)")
    assert fields["expires"].endswith("(in a day)")
    assert "authextra" not in fields


@pytest.mark.usefixtures("at_now")
def test_the_time_of_a_login_is_shown_as_the_others(run, stores):
    stores.make(
        "lmdb:x", [make_cookie("a", evolve(JOE, at=NOW - 7_200_000)), make_cookie("b", JOE)]
    )
    shown = {each: run("show", "lmdb:x", id_of(each)).out for each in "ab"}
    lines = [re.search(r"^logged_in +(.*)", text, re.MULTILINE)[1] for text in shown.values()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S+ \(2 hours ago\)", lines[0])
    assert lines[1] == "-"


@pytest.mark.usefixtures("at_now")
def test_an_expired_cookie_is_shown_as_that(run, name):
    assert "(an hour ago)" in run("show", name, id_of("gone")).out


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
    assert answer.err == f"no cookie has this id in {store_type}:{here}/{location}\n"


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "expected the id of one cookie, as `ls` shows it, found none"),
        (
            [id_of("joe"), id_of("mary")],
            "expected the id of one cookie, as `ls` shows it, found 2 ids",
        ),
    ],
)
def test_show_takes_one_id(run, name, names, message):
    answer = run("show", name, *names)
    assert (answer.code, answer.error) == (2, message)


def test_what_is_no_id_is_explained_and_not_repeated(run, name):
    """It may be the value of a cookie."""
    answer = run("show", name, "secret-value-of-a-cookie-of-32-c")
    assert answer.code == 2
    assert "24 characters of A-Z, a-z, 0-9, - and _" in answer.error
    assert "secret" not in answer.out + answer.err


@pytest.mark.parametrize("words", [["show"], ["revoke", "--yes"]])
def test_the_value_of_a_cookie_in_the_place_of_its_id_is_told_as_that(run, stores, words):
    value = "a-secret-value-with-24-c"
    stores.make("lmdb:x", [make_cookie(value)])
    answer = run(words[0], "lmdb:x", *words[1:], value)
    assert answer.code == 1
    assert f"is the secret value of the cookie {id_of(value)}" in answer.err
    assert value not in answer.out + answer.err
    assert list(stores.read("lmdb:x")) == [id_of(value)]


# -- stat ------------------------------------------------------------------------------------


def test_the_numbers_of_a_store_are_shown(run, here, name):
    store_type, location = name.split(":")
    found = run("stat", name, "--json").json
    assert (found["store"], found["transports"]) == (f"{store_type}:{here}/{location}", [])
    assert found["stat"]["cookies"] == 5
    assert found["stat"]["bytes"] > 0
    fields = dict(line.split(maxsplit=1) for line in run("stat", name).out.splitlines())
    assert fields["cookies"] == "5"
    assert fields["bytes"].endswith(("Bytes", "KiB"))
    columns = [
        re.match(r"\w+( \w+)*  +", line).end() for line in run("stat", name).out.splitlines()
    ]
    assert len(set(columns)) == 1


def test_looking_changes_nothing(run, here, name):
    before = snapshot(here)
    for words in (["ls", name], ["show", name, id_of("joe")], ["stat", name]):
        assert run(*words).code == 0
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


def test_a_list_ends_where_it_is_told_to_and_goes_on_there(run, stores):
    name = stores.make("lmdb:many", [make_cookie(str(n), [JOE, MARY][n % 2]) for n in range(30)])
    found, words, looked_at = [], [], 0
    while True:
        answer = run("ls", name, "--json", "--role", "admin", "--limit", "4", *words)
        found += ids(answer)
        assert len(answer.lines) <= 4
        if "--after" not in answer.err:
            break
        looked_at += int(answer.err.split()[0])
        words = ["--after", answer.err.split()[-1]]
    assert sorted(found) == sorted(id_of(str(n)) for n in range(1, 30, 2))
    assert 4 <= looked_at <= 30


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--after", "strange"], "expected the place that `ls` printed for this store and options"),
        (["--after", "ab", "--sort", "seen"], "--after goes on with a list that is not sorted"),
    ],
)
def test_where_it_did_not_end_it_does_not_go_on(run, aged, words, message):
    answer = run("ls", aged, *words)
    assert (answer.code, answer.out) == (2, "")
    assert message in answer.err
