"""`cookietrack backup` and `restore`."""

import io
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cookietrack_plugin.admin import backupfile
from cookietrack_plugin.admin.backupfile import Head
from cookietrack_plugin.admin.place import places
from cookietrack_plugin.config.registry import find_provider
from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.header import id_of
from cookietrack_plugin.record import Auth, Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.kit.nesting import MAX_DEPTH
from cookietrack_plugin.stores.kit.paging import records
from tests.admin.conftest import DAY, JOE, NOW, PACKAGES, expired, make_cookie, snapshot
from tests.support.node import wait_for
from tests.support.redis_stores import new_prefix
from tests.support.smalldisk import small_disk

pytest_plugins = ["tests.support.servers"]

PROGRAM = str(Path(sys.executable).parent / "cookietrack")
ROUNDS = 5
MARY = Auth("mary", "user", "ticket", "realm1")
ODD = Auth("\0", "", "\ud800", "r\u00e9alm", {"n": [1, 2.5, None], "b": b"\xff", "i": {1: "x"}})
COOKIES = {
    cookie.id: cookie
    for cookie in (
        make_cookie("joe", JOE),
        make_cookie("mary", MARY),
        make_cookie("stranger", peer=None, user_agent=None),
        make_cookie("odd", ODD, user_agent="\ud800 \u2028\n"),
    )
}
EMBEDDED = {
    "lmdb": {"type": "lmdb", "path": "cookies"},
    "file": {"type": "file", "filename": "cookies"},
    "sqlite": {"type": "sql", "url": "sqlite:///cookies"},
}
SERVERS = ["redis_server", "postgresql", "mariadb"]
SHARED = ["lmdb", "sqlite", *(pytest.param(each, marks=pytest.mark.server) for each in SERVERS)]
ALL = ["file", *SHARED]
WITH_FEED = SHARED


class Place:
    """A store by the name that an operator gives it, and by its item."""

    def __init__(self, here, item):
        self._here, self._item = here, item
        options = {key: value for key, value in item.items() if key != "type"}
        self.name = f"{item['type']}:{json.dumps(options)}"

    def open(self):
        return find_provider(self._item["type"]).open(self._item, str(self._here))

    def change(self, *changes):
        store = self.open()
        store.commit(list(changes))
        store.close()

    def fill(self, *cookies):
        self.change(*map(Create, cookies))

    def read(self):
        store = self.open()
        found = {cookie.id: cookie for cookie in records(store)}
        store.close()
        return found

    def clear(self):
        self.change(*map(Delete, self.read()))

    def revoke(self, *name):
        store = self.open()
        store.revoke_user(*name)
        store.close()


@pytest.fixture
def make_place(request, here):
    """A new store of a kind."""

    def make_place(kind, number=0):
        if kind in EMBEDDED:
            (here / str(number)).mkdir(exist_ok=True)
            item = dict(EMBEDDED[kind])
            key = next(key for key in item if key != "type")
            item[key] = item[key].replace("cookies", f"{number}/cookies")
            return Place(here, item)
        server = request.getfixturevalue(kind)
        if kind == "redis_server":
            item = {"type": "redis", "url": server.url(), "prefix": new_prefix(), "partitions": 3}
            return Place(here, item)
        name = request.getfixturevalue("database_of")(server)
        return Place(here, {"type": "sql", "url": server.url(name)})

    return make_place


@pytest.fixture
def database_of():
    opened = []

    def database_of(server):
        context = server.database()
        opened.append(context)
        return context.__enter__()

    yield database_of
    for context in opened:
        context.__exit__(None, None, None)


# -- there and back ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_every_record_comes_back_as_it_was(run, here, make_place, kind):
    old, new = make_place(kind), make_place(kind, 1)
    old.fill(*COOKIES.values(), expired("old", JOE))
    made = run("backup", old.name, "backup", "--json")
    assert (made.code, made.json["cookies"], made.json["refused"]) == (0, 5, [])
    assert stat.S_IMODE((here / "backup").stat().st_mode) == 0o600
    done = run("restore", "backup", new.name, "--keep-logins", "--json")
    assert (done.code, done.json["restored"], done.json["logins"]) == (0, 4, 3)
    assert (done.json["expired"], done.json["different"]) == (1, [])
    assert new.read() == COOKIES


@pytest.mark.parametrize("kind", ALL)
def test_so_it_does_by_way_of_a_third_partys_store(run, observed, make_place, kind):
    place, back = make_place("lmdb"), make_place(kind, 1)
    place.fill(*COOKIES.values())
    run("backup", place.name, "one")
    run("restore", "one", "observed:x", "--keep-logins")
    assert run("backup", "observed:x", "two", "--json").json["cookies"] == 4
    run("restore", "two", back.name, "--keep-logins")
    assert back.read() == COOKIES


# -- what has ended since ----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALL)
def test_in_a_store_that_does_not_know_what_has_ended_nobody_is_logged_in(run, make_place, kind):
    old, new = make_place(kind), make_place(kind, 1)
    old.fill(*COOKIES.values())
    run("backup", old.name, "backup")
    done = run("restore", "backup", new.name)
    assert done.code == 0
    assert "does not know who has logged out or was revoked since" in done.err
    assert "--keep-logins" in done.err
    assert new.read().keys() == COOKIES.keys()
    assert [cookie for cookie in new.read().values() if cookie.auth] == []


@pytest.mark.parametrize("kind", WITH_FEED)
def test_what_has_ended_in_the_store_since_does_not_come_back(run, make_place, kind):
    place = make_place(kind)
    kept = make_cookie("kept", Auth("kept", "user", "ticket", "realm1"))
    place.fill(*COOKIES.values(), kept, make_cookie("lost", JOE))
    run("backup", place.name, "backup")
    place.change(Delete(id_of("stranger")), Delete(id_of("odd")))
    place.revoke("joe", "realm1")
    done = run("restore", "backup", place.name, "--merge", "--json")
    assert done.code == 0
    assert done.json["ends_known"]
    assert (done.json["ended"], done.json["there"], done.json["restored"]) == (4, 2, 0)
    assert place.read() == {id_of("mary"): COOKIES[id_of("mary")], kept.id: kept}


def test_what_a_store_has_lost_comes_back_with_its_login(run, here, make_place):
    """Taken out as damage by a repair, which ends nobody's session."""
    import lmdb

    from cookietrack_plugin.stores.lmdb.keys import key_of

    place = make_place("lmdb")
    place.fill(*COOKIES.values())
    run("backup", place.name, "backup")
    place.change(Delete(id_of("mary")))
    with lmdb.open(str(here / "0" / "cookies"), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.delete(key_of(id_of("joe")), db=env.open_db(b"records", txn=txn))
    done = run("restore", "backup", place.name, "--merge")
    assert (done.code, done.err) == (0, "")
    assert place.read() == {id: each for id, each in COOKIES.items() if id != id_of("mary")}


@pytest.mark.parametrize("kind", WITH_FEED)
def test_a_logout_while_it_is_restored_stays_a_logout(run, make_place, kind, monkeypatch):
    """Joe's record is there when the restoring begins, and deleted before it is looked for."""
    from cookietrack_plugin.admin import restoration

    place = make_place(kind)
    place.fill(*COOKIES.values())
    run("backup", place.name, "backup")
    put = restoration._put

    def late(cookies, *args):
        place.change(Delete(id_of("joe")))
        place.revoke("mary", None)
        put(cookies, *args)

    monkeypatch.setattr(restoration, "_put", late)
    done = run("restore", "backup", place.name, "--merge", "--json")
    assert (done.code, done.json["ended"], done.json["restored"]) == (0, 2, 0)
    assert place.read().keys() == {id_of("stranger"), id_of("odd")}


@pytest.mark.parametrize("kind", WITH_FEED)
def test_a_position_that_the_store_has_forgotten_is_none(run, make_place, kind, monkeypatch):
    place, other = make_place(kind), make_place(kind, 1)
    place.fill(*COOKIES.values())
    run("backup", place.name, "backup")
    # Another store at the same place: what has ended in it is not what ended in the one before.
    label = places(place.name)[0].label
    text = Path("backup").read_text()
    other.fill(make_cookie("other"))
    for _ in range(3):
        other.change(Create(make_cookie("x")))
        other.change(Delete(id_of("x")))
    Path("other").write_text(text.replace(label, places(other.name)[0].label))
    reseal("other")
    done = run("restore", "other", other.name, "--merge", "--json")
    assert (done.code, done.json["ends_known"], done.json["logins"]) == (0, False, 0)


def reseal(path):
    """A new last line, for content that a test has altered."""
    from hashlib import sha256

    *lines, end = Path(path).read_bytes().splitlines(keepends=True)
    last = {**json.loads(end), "sha256": sha256(b"".join(lines)).hexdigest()}
    Path(path).write_bytes(b"".join(lines) + json.dumps(last).encode() + b"\n")


def test_a_store_with_cookies_is_not_restored_into_by_mistake(run, make_place):
    old, new = make_place("lmdb"), make_place("lmdb", 1)
    old.fill(*COOKIES.values())
    run("backup", old.name, "backup")
    mine = make_cookie("joe", seen=NOW, user_agent="newer")
    new.fill(mine)
    refused = run("restore", "backup", new.name)
    assert refused.code == 2
    assert "has cookies already: --merge adds what it does not have" in refused.error
    assert new.read() == {mine.id: mine}
    assert run("restore", "backup", new.name, "--merge").code == 0
    assert new.read()[mine.id] == mine
    assert len(new.read()) == 4
    again = run("restore", "backup", new.name, "--merge", "--json").json
    assert (again["there"], again["restored"]) == (4, 0)


# -- while a node goes on ----------------------------------------------------------------------


# More than two pages of records that stay.
STAYING, BACKUPS = 1_100, 2


@pytest.mark.parametrize("kind", SHARED)
def test_a_backup_during_writes_has_each_record_in_one_of_its_states(run, make_place, kind):
    """Those that stay are all there; of those that come, go and change, whole states only."""
    place = make_place(kind)
    staying = {each.id: each for each in (make_cookie(f"s{n}", JOE) for n in range(STAYING))}
    changing = [make_cookie(f"c{n}") for n in range(200)]
    store = place.open()
    for start in range(0, STAYING, 500):
        store.commit([Create(each) for each in list(staying.values())[start : start + 500]])
    store.commit([Create(each) for each in changing])
    ending, rounds = threading.Event(), []

    def write():
        while not ending.is_set():
            n = len(rounds)
            store.commit([Touch(each.id, NOW + n, NOW + DAY, str(n), str(n)) for each in changing])
            store.commit([Delete(each.id) for each in changing[::2]])
            store.commit([Create(each) for each in changing[::2]])
            store.commit([Authenticate(each.id, MARY, NOW + n) for each in changing[:50]])
            rounds.append(n)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for(lambda: rounds, "writing")
        for number in range(BACKUPS):
            before = len(rounds)
            answer = run("backup", place.name, f"b{number}", "--json")
            assert answer.code == 0
            wait_for(lambda before=before: len(rounds) > before, "writing on")
    finally:
        ending.set()
        writer.join()
        store.close()
    for number in range(BACKUPS):
        with open(f"b{number}", "rb") as file:
            found = {each.id: each for each in backupfile.read(file)}
        assert {id: found.get(id) for id in staying} == staying
        others = [each for id, each in found.items() if id not in staying]
        assert {each.id for each in others} <= {each.id for each in changing}
        unwritten = (changing[0].peer, changing[0].user_agent)
        for each in others:
            assert each.peer == each.user_agent or (each.peer, each.user_agent) == unwritten


# -- the file ----------------------------------------------------------------------------------


@pytest.fixture
def place(make_place):
    place = make_place("lmdb")
    place.fill(*COOKIES.values())
    return place


def test_a_backup_that_is_there_is_not_overwritten_unasked(run, here, place):
    (here / "backup").write_text("precious")
    answer = run("backup", place.name, "backup")
    assert (answer.code, answer.error) == (
        2,
        f"{here}/backup is there already: --force replaces it",
    )
    assert (here / "backup").read_text() == "precious"
    assert run("backup", place.name, "backup", "--force").code == 0
    assert run("restore", "backup", "lmdb:new", "--json").json["restored"] == 4


def test_nor_is_one_that_comes_to_be_there_in_between(run, here, place, monkeypatch):
    def appears(*args, **kwargs):
        (here / "backup").write_text("precious")
        return iter(())

    monkeypatch.setattr(backupfile, "write", appears)
    monkeypatch.setattr(backupfile, "read", lambda file: iter(()))
    assert run("backup", place.name, "backup").code == 2
    assert (here / "backup").read_text() == "precious"
    assert [path.name for path in here.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("where", ["nowhere/backup", "0"])
def test_a_place_where_nothing_can_be_written_is_named(run, here, place, where):
    answer = run("backup", place.name, where)
    assert answer.code in (2, 3)
    assert where.split("/")[0] in answer.err


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_file_is_not_replaced_by_force_either(run, here, place, make):
    """A device that is replaced by a file breaks the machine."""
    make(here / "backup")
    before = os.stat(here / "backup")
    answer = run("backup", place.name, "backup", "--force")
    assert answer.code == 2
    assert "expected a file" in answer.error or "is a directory" in answer.error
    assert os.stat(here / "backup").st_ino == before.st_ino
    assert (here / "backup").is_symlink() == (before.st_rdev != 0)


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("is_there", [True, False])
def test_no_link_is_followed_or_replaced(run, here, place, force, is_there):
    """Whoever may write to the directory could have it lead to any file of the caller's."""
    if is_there:
        (here / "elsewhere").write_text("precious")
    (here / "backup").symlink_to("elsewhere")
    answer = run("backup", place.name, "backup", *force)
    assert (answer.code, "which is a link" in answer.error) == (2, True)
    assert (here / "backup").is_symlink()
    assert (here / "elsewhere").exists() == is_there
    assert not is_there or (here / "elsewhere").read_text() == "precious"


def test_a_directory_that_is_a_link_is_one_like_any_other(run, here, place):
    (here / "real").mkdir()
    (here / "linked").symlink_to("real")
    assert run("backup", place.name, "linked/backup").code == 0
    assert stat.S_ISREG((here / "real" / "backup").lstat().st_mode)


@pytest.mark.parametrize("name", ["newdir/", "here/", "newdir//", "-"])
def test_what_names_no_file_is_refused(run, here, place, name):
    (here / "here").mkdir()
    answer = run("backup", place.name, name)
    assert (
        (answer.code, "name of a file" in answer.error) == (2, True) if name == "-" else (2, False)
    )
    assert not (here / "newdir").exists()
    assert list((here / "here").iterdir()) == []


PARTS = {
    "file:src.dat": ["src.dat", "./src.dat", "linked/src.dat", "src.dat.lock"],
    "lmdb:l": ["l/data.mdb", "l/new", "linked/l/lock.mdb"],
    "sql:sqlite:///c.db": ["c.db", "c.db-wal"],
}


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize(("name", "file"), [(n, f) for n, files in PARTS.items() for f in files])
def test_no_part_of_the_store_is_replaced_by_its_backup(run, here, stores, name, file, force):
    stores.make("lmdb:origin", COOKIES.values())
    assert run("migrate", "lmdb:origin", name).code == 0
    (here / "linked").symlink_to(here)
    if file in ("src.dat.lock", "c.db-wal"):
        (here / file).write_bytes(b"")
    before = snapshot(here)
    answer = run("backup", name, file, *force)
    assert (answer.code, "is a part of" in answer.error) == (2, True)
    assert snapshot(here) == before


def test_an_earlier_backup_beside_the_store_is_replaced(run, here, stores):
    stores.make("file:src.dat", [make_cookie("a", JOE)])
    assert run("backup", "file:src.dat", "src.dat.backup").code == 0
    assert run("backup", "file:src.dat", "src.dat.backup", "--force").code == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_backup_that_a_signal_ends_leaves_nothing(here, monkeypatch, number):
    monkeypatch.setenv("PYTHONPATH", str(PACKAGES / "lethal"))
    monkeypatch.setenv("READY", str(here / "ready"))
    # A terminal tells the child as well as its parent.
    with subprocess.Popen(
        [PROGRAM, "backup", "lethal:wait", "backup"], start_new_session=True
    ) as process:
        wait_for((here / "ready").exists, "the reading")
        assert len(list(here.glob(".backup.*"))) == 1
        os.killpg(process.pid, number)
    assert process.returncode == -number
    assert list(here.glob("*backup*")) + list(here.glob(".backup*")) == []


def test_on_a_full_disk_there_is_no_backup_and_the_old_one_stays(run, place):
    place.fill(*(make_cookie(f"x{n}", JOE) for n in range(900)))
    with small_disk(1) as disk:
        (disk / "backup").write_text("precious")
        (disk / "ballast").write_bytes(bytes(1_000_000))
        answer = run("backup", place.name, str(disk / "backup"), "--force")
        assert answer.code == 3
        assert "backup cannot be written: No space left on device" in answer.error
        assert sorted(os.listdir(disk)) == ["backup", "ballast"]
        assert (disk / "backup").read_text() == "precious"


def test_a_killed_backup_leaves_no_half_of_one(here, place):
    place.fill(*(make_cookie(f"x{n}", JOE) for n in range(1_000)))
    command = [PROGRAM, "backup", place.name, "backup", "--force"]
    for _ in range(ROUNDS):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            wait_for(
                lambda: list(here.glob(".backup.*")) or process.poll() is not None, "the writing"
            )
            process.kill()
        if (here / "backup").exists():
            with open(here / "backup", "rb") as file:
                assert len(list(backupfile.read(file))) == 1_004
        for draft in here.glob(".backup.*"):
            draft.unlink(missing_ok=True)


@pytest.fixture
def made(run, here, place):
    """A backup."""
    run("backup", place.name, "backup")
    return here / "backup"


DAMAGES = {
    "a line's end": lambda lines: [*lines[:2], lines[2][:-9] + b"\n", *lines[3:]],
    "a bit": lambda lines: [*lines[:1], lines[1].replace(b"realm1", b"realm2"), *lines[2:]],
    "a line": lambda lines: [*lines[:2], *lines[3:]],
    "a line twice": lambda lines: [*lines[:2], *lines[1:]],
    "the end": lambda lines: lines[:-1],
    "half": lambda lines: [b"".join(lines)[: len(b"".join(lines)) // 2]],
    "more": lambda lines: [*lines, lines[1]],
    "nothing": lambda lines: [],
    "something else": lambda lines: [b"Dear Sir or Madam\n"],
    "a list": lambda lines: [b"[1, 2]\n"],
    "zeros": lambda lines: [*lines[:1], b"\0" * 100, *lines[2:]],
    "another format": lambda lines: [lines[0].replace(b'backup": 1', b'backup": 2'), *lines[1:]],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_backup_alters_nothing(run, here, made, make_place, damage):
    lines = made.read_bytes().splitlines(keepends=True)
    made.write_bytes(b"".join(damage(lines)))
    answer = run("restore", "backup", "lmdb:new")
    assert (answer.code, answer.out) == (4, "")
    assert answer.error.startswith("backup cannot be restored: it")
    assert not (here / "new").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "../../etc/passwd"},
        {"id": None},
        {"created": "1"},
        {"expires": None},
        {"seen": 1.5},
        {"peer": 7},
        {"auth": {"authid": "joe"}},
        {
            "auth": {
                "authid": 1,
                "authrole": "",
                "authmethod": "",
                "authrealm": "",
                "authextra": None,
            }
        },
        {"auth": []},
    ],
    ids=str,
)
def test_a_record_that_is_none_is_damage(run, here, made, change):
    head, line, *rest = made.read_text().splitlines(keepends=True)
    made.write_text(head + json.dumps({**json.loads(line), **change}) + "\n" + "".join(rest))
    reseal(made)
    answer = run("restore", "backup", "lmdb:new")
    assert (answer.code, answer.error) == (
        4,
        "backup cannot be restored: its line 2 cannot be read",
    )
    assert not (here / "new").exists()


def test_the_file_is_what_the_documentation_says(made):
    head, *lines, end = [json.loads(line) for line in made.read_text().splitlines()]
    assert head["cookietrack_backup"] == backupfile.FORMAT
    assert end["cookies"] == len(lines) == 4
    joe = next(line for line in lines if line["id"] == id_of("joe"))
    assert joe["auth"]["authextra"] == {"json": {"token": "secret-token"}}
    assert made.read_bytes().isascii()


@pytest.mark.parametrize("position", [None, 7, "x", ((b"1-2", b"\xff"), (b"", b"")), (3, "id")])
def test_a_position_of_any_feed_of_ours_comes_back(here, position):
    with open("b", "w+b") as file:
        list(backupfile.write(file, Head(1, "x", position), []))
        file.seek(0)
        assert backupfile.read_head(file) == Head(1, "x", position)


def test_a_record_that_cannot_be_written_down_is_told(run, observed):
    run("ls", "observed:x")
    bad = make_cookie("bad", Auth("a", "b", "c", "d", {"no data": object()}))
    observed["x"].commit([Create(bad), Create(make_cookie("good"))])
    answer = run("backup", "observed:x", "backup", "--json")
    assert (answer.code, answer.json["cookies"], answer.json["refused"]) == (1, 1, [bad.id])


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 900, 100_000])
def test_an_authextra_that_is_nested_too_deeply_is_not_written_down(levels):
    extra = {}
    for _ in range(levels - 1):
        extra = {"inner": extra}
    bad = make_cookie("bad", Auth("a", "b", "c", "d", extra))
    written = backupfile.write(io.BytesIO(), Head(1, "x"), [bad, make_cookie("good")])
    assert [each if isinstance(each, str) else "written" for each in written] == [bad.id, "written"]


def test_a_record_that_the_store_refuses_takes_no_other_along(run, made, observed):
    run("ls", "observed:x")
    observed["x"].refuse = {id_of("joe")}
    answer = run("restore", "backup", "observed:x", "--json")
    assert (answer.code, answer.json["refused"], answer.json["restored"]) == (1, [id_of("joe")], 3)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["backup", "lmdb:nowhere", "b"], 3, "there is no store at"),
        (["backup", "memory:", "b"], 3, "in its worker's memory alone"),
        (["backup", "lmdb:nowhere"], 2, "Missing argument 'FILE'"),
        (["restore", "nowhere", "lmdb:new"], 2, "does not exist"),
        (["restore", "here", "lmdb:new"], 2, "is a directory"),
        (["restore", "pipe", "lmdb:new"], 2, "which is a device or a pipe"),
        (["restore", "/dev/null", "lmdb:new"], 2, "which is a device or a pipe"),
        (["restore", "backup", "memory:"], 3, "in its worker's memory alone"),
        (["restore", "backup", "database:new"], 2, "cannot be altered from here"),
    ],
)
def test_wrong_input_is_refused(run, here, made, words, code, message):
    (here / "here").mkdir()
    os.mkfifo(here / "pipe")
    answer = run(*words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.error
    assert not (here / "new").exists()


def test_an_authextra_that_equals_nothing_is_read_back_as_it_was(run, stores):
    stores.make("lmdb:a", [make_cookie("a", Auth("a", "b", "c", "d", {"n": float("nan")}))])
    assert run("backup", "lmdb:a", "nan").code == 0
    answer = run("restore", "nan", "lmdb:b", "--keep-logins", "--json")
    assert (answer.code, answer.json["restored"], answer.json["different"]) == (0, 1, [])


def test_a_file_without_a_lines_end_is_not_read_as_a_whole(here):
    with open(here / "zeros", "wb+") as file:
        file.truncate(2**24)
        with pytest.raises(StoreCorrupt, match="is no backup"):
            backupfile.read_head(file)
        assert file.tell() < 2**21
