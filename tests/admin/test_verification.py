"""`cookietrack verify`."""

import lmdb
import pytest

from cookietrack_plugin.header import id_of
from cookietrack_plugin.stores.file.encoding import to_key
from cookietrack_plugin.stores.file.lines import GONE, write_line
from cookietrack_plugin.stores.lmdb.keys import key_of
from tests.admin.conftest import JOE, expired, make_cookie, snapshot

COOKIES = [make_cookie("joe", JOE), make_cookie("stranger"), expired("old", JOE)]


def damage_file(here):
    path = here / "cookies"
    lines = path.read_bytes().splitlines(keepends=True)
    [number] = [number for number, line in enumerate(lines) if id_of("joe").encode() in line]
    lines[number] = lines[number].replace(b"realm1", b"realm2")
    # Behind another batch it was stored: the last one of a file counts as a whole, or not at all.
    later = write_line(to_key(id_of("nobody")), GONE, batch=2)
    path.write_bytes(b"".join([*lines, later]))
    return f"line {number + 1} cannot be read"


def damage_lmdb(here):
    with lmdb.open(str(here / "cookies"), max_dbs=8) as env, env.begin(write=True) as txn:
        txn.put(key_of(id_of("joe")), b"\1damaged", db=env.open_db(b"records", txn=txn))
    return f"record {id_of('joe')} cannot be decoded"


DAMAGE = {"file": damage_file, "lmdb": damage_lmdb}


@pytest.fixture(params=DAMAGE)
def name(request, stores):
    return stores.make(f"{request.param}:cookies", COOKIES)


@pytest.fixture
def damaged(name, here):
    """A store in which joe's record is damaged, and how that is told."""
    return name, DAMAGE[name.split(":")[0]](here)


def test_a_store_that_is_whole_is_said_to_be(run, here, name):
    before = snapshot(here)
    answer = run("verify", name)
    assert answer.code == 0
    label = name.replace(":", f":{here}/")
    assert answer.out == f"3 cookies in {label} can be read\nnothing is damaged\n"
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


def test_what_is_damaged_is_named_and_nothing_is_changed(run, here, damaged):
    name, told = damaged
    before = snapshot(here)
    answer = run("verify", name)
    assert answer.code == 1
    assert answer.out.splitlines()[0] == told
    assert answer.out.splitlines()[-1] == "1 damaged part found"
    assert run("verify", name, "--json").json["damaged"] == [told]
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


def test_a_repair_removes_what_is_damaged_and_keeps_the_rest(run, stores, damaged):
    name, told = damaged
    answer = run("verify", name, "--repair", "--yes", "--json")
    assert (answer.code, answer.json["cookies"], answer.json["damaged"]) == (0, 2, [told])
    assert answer.json["removed"] >= 1
    assert run("verify", name).code == 0
    assert sorted(stores.read(name)) == sorted([id_of("stranger"), id_of("old")])


def test_a_repair_is_asked_for(run, here, damaged, terminal):
    name, _ = damaged
    before = snapshot(here)
    answer = run("verify", name, "--repair", input="n\n")
    assert answer.code == 1
    assert "Remove 1 damaged part from " in answer.err
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


def test_without_somebody_to_ask_a_repair_has_to_be_confirmed(run, damaged):
    answer = run("verify", damaged[0], "--repair")
    assert answer.code == 2
    assert answer.error.endswith("pass --yes. Nothing was changed")


def test_a_repair_of_a_store_that_is_whole_asks_nothing(run, name):
    answer = run("verify", name, "--repair", "--json")
    assert (answer.code, answer.json["removed"]) == (0, 0)


def test_a_file_that_ends_within_a_batch_is_told_with_the_line(run, here, stores):
    stores.make("file:cookies", COOKIES)
    path = here / "cookies"
    path.write_bytes(path.read_bytes()[:-5])
    answer = run("verify", "file:cookies", "--json")
    assert answer.code == 1
    lines = len(path.read_bytes().splitlines())
    cut = "is of a batch that was cut off before it was stored"
    assert answer.json["damaged"] == [f"line {n} {cut}" for n in (lines - 2, lines - 1, lines)]


def test_a_type_that_cannot_tell_is_read_all_the_same(run, stores, observed):
    stores.make("observed:x", COOKIES)
    answer = run("verify", "observed:x")
    assert answer.code == 0
    assert answer.out == "3 cookies in observed:x can be read\n"
    assert answer.err == "stores of type 'observed' cannot say what is damaged\n"
    assert not run("verify", "observed:x", "--json").json["verifiable"]


def test_a_type_that_cannot_tell_cannot_be_repaired(run, stores, observed):
    stores.make("observed:x", COOKIES)
    answer = run("verify", "observed:x", "--repair", "--yes")
    assert answer.code == 2
    assert answer.error == "stores of type 'observed' cannot be repaired from here"


def test_what_is_no_store_any_more_is_corrupt(run, here, stores):
    stores.make("lmdb:cookies", COOKIES)
    (here / "cookies" / "data.mdb").write_bytes(b"\1" * 8192)
    answer = run("verify", "lmdb:cookies")
    assert (answer.code, answer.out) == (4, "")
    assert "holds no LMDB environment that can be read" in answer.error


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["lmdb:nowhere"], 3, "there is no store at lmdb:"),
        (["memory:"], 3, "in its worker's memory alone: no running node"),
        (["lmdb:cookies", "--fix"], 2, "No such option"),
    ],
)
def test_wrong_input_is_refused(run, words, code, message):
    answer = run("verify", *words)
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.error
