"""A path that is a store, named as something else."""

import shutil

import pytest

from cookietrack_plugin.config.registry import find_provider, installed_types
from cookietrack_plugin.errors import StoreCorrupt
from cookietrack_plugin.interfaces import IRecognizer
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.file.provider import FileProvider
from tests.admin.conftest import JOE, make_cookie, node_config

COOKIES = [make_cookie("joe", JOE)]
NAMES = {"lmdb:a": "a", "file:b": "b", "sql:sqlite:///c": "c", "database:d": "d"}


ITEMS = (
    {"type": "lmdb", "path": "a", "writer_process": False},
    {"type": "file", "filename": "b", "writer_process": False},
    {"type": "sql", "url": "sqlite:///c"},
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a store of each type that lies on a disk, and what is none."""
    folder = tmp_path_factory.mktemp("stores")
    for item in ITEMS:
        store = find_provider(item["type"]).open(item, str(folder))
        store.commit([Create(cookie) for cookie in COOKIES])
        store.close()
    # Beside the stores, which would be looked at as well.
    for each in folder.glob("[bc][.-]*"):
        each.unlink()
    (folder / "d").mkdir()
    # The beginning of a file of LMDB 1.0, which zLMDB has.
    (folder / "d" / "data.mdb").write_bytes(bytes(24) + b"\xde\xc0\xef\xbe" + bytes(8164))
    (folder / "e").mkdir()
    (folder / "f").write_text("Dear Sir or Madam\n")
    (folder / "g").touch()
    return folder


@pytest.fixture
def all_stores(here, made):
    shutil.copytree(made, here, dirs_exist_ok=True)


def test_each_type_knows_its_own_stores_alone(here, all_stores):
    found = {
        (store_type, path.name): located
        for store_type in installed_types()
        if IRecognizer.providedBy(provider := find_provider(store_type))
        for path in here.iterdir()
        if (located := provider.recognize(path.name)) is not None
    }
    assert {f"{store_type}:{located}": path for (store_type, path), located in found.items()} == (
        NAMES
    )


def test_a_database_of_an_older_zlmdb_is_told_from_an_lmdb_store(here, stores):
    """Both are files of LMDB 0.9: ours has databases with names."""
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(here / "old")) as env, env.begin(write=True) as txn:
        txn.put(b"\0\0\0\1key", b"value")
    stores.make("lmdb:a", COOKIES)
    recognized = {
        (store_type, path): find_provider(store_type).recognize(path)
        for store_type in ("lmdb", "database")
        for path in ("a", "old")
    }
    assert {each for each, found in recognized.items() if found} == {
        ("lmdb", "a"),
        ("database", "old"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_path_without_its_type_is_answered_with_the_name(run, all_stores, name):
    answer = run("ls", NAMES[name])
    assert (answer.code, answer.out) == (2, "")
    assert answer.error == f"{NAMES[name]} is a store and no node: name it {name}"


@pytest.mark.parametrize(
    ("name", "code", "meant"),
    [
        ("lmdb:b", 3, "file:{here}/b"),
        ("lmdb:c", 3, "sql:sqlite:///{here}/c"),
        ("lmdb:d", 4, "database:{here}/d"),
        ("file:a", 4, "lmdb:{here}/a"),
        ("file:c", 4, "sql:sqlite:///{here}/c"),
        ("sql:c", 2, "sql:sqlite:///{here}/c"),
        ("sql:sqlite:///b", 4, "file:{here}/b"),
        ("sqlite:c", 2, "sql:sqlite:///{here}/c"),
        ("sqlite:a", 2, "lmdb:{here}/a"),
    ],
)
def test_another_type_is_answered_with_the_right_one(run, here, all_stores, name, code, meant):
    answer = run("ls", name)
    assert (answer.code, answer.out) == (code, "")
    told = f" There is a store of another type: name it {meant.format(here=here)}"
    assert answer.error.endswith(told)
    assert "?." not in answer.error


@pytest.mark.parametrize("name", ["e", "f", "g", "lmdb:e", "lmdb:f", "file:f"])
def test_what_is_no_store_gets_no_hint(run, all_stores, name):
    assert "a store of another type" not in run("ls", name).error
    assert "name it" not in run("ls", name).error


def test_a_directory_with_stores_and_no_node_is_answered_with_their_names(run, here, all_stores):
    told = "There are stores in it: lmdb:a, file:b, sql:sqlite:///c, database:d"
    assert run("ls").error == f"no config.yaml or config.json in {here}. {told}"
    for number in range(7):
        (here / f"h{number}").write_bytes((here / "b").read_bytes())
    assert run("ls").error.endswith(", database:d, file:h0 and 6 more")


def test_a_store_in_a_configuration_that_is_of_another_type_is_told(run, make_node, stores):
    node = make_node(node_config({"type": "lmdb", "path": "cookies.dat"}))
    stores.make("file:node/cookies.dat", COOKIES)
    assert run("ls", str(node)).error.endswith(f"name it file:{node}/cookies.dat")


def test_a_store_of_the_right_type_that_is_damaged_gets_no_hint(run, all_stores, monkeypatch):
    def refuse(*_):
        raise StoreCorrupt("it is damaged")

    monkeypatch.setattr(FileProvider, "open_readonly", refuse)
    answer = run("ls", "file:b")
    assert (answer.code, answer.error) == (4, "it is damaged")


@pytest.mark.parametrize("file", ["a/data.mdb", "a/lock.mdb", "d/data.mdb"])
def test_a_file_of_a_store_is_answered_with_the_store(run, here, all_stores, file):
    name = {"a": "lmdb:a", "d": "database:d"}[file[0]]
    answer = run("ls", file)
    assert (answer.code, answer.error) == (2, f"{file} is a file of a store: name it {name}")
    answer = run("ls", f"lmdb:{file}")
    told = f". It is a file of a store: name it {name.replace(':', f':{here}/')}"
    assert answer.code == 3
    assert answer.error.endswith(told)


def test_within_the_directory_of_a_store_it_is_named_too(run, here, all_stores, monkeypatch):
    monkeypatch.chdir(here / "a")
    assert run("ls", "data.mdb").error == "data.mdb is a file of a store: name it lmdb:."


def test_a_wrong_configuration_beside_the_files_of_a_store_is_one(run, here, all_stores):
    (here / "a" / "config.json").write_text("{'version': 2}")
    assert "is no valid configuration" in run("ls", "a/config.json").error


@pytest.mark.parametrize(
    "name", ["sqlite:///{here}/c", "sqlite:///c", "sql:///{here}/c", "sqlite+pysqlite:///c"]
)
def test_the_url_of_a_file_is_answered_with_a_url_that_opens_it(run, here, all_stores, name):
    error = run("ls", name.format(here=here)).error
    meant = f"sql:sqlite:///{here}/c"
    assert error.endswith(f" There is a store of another type: name it {meant}")
    assert run("ls", meant).code == 0
