"""What opening a store from the command line does not do."""

import json

import pytest

from cookietrack_plugin.admin.opening import opened
from cookietrack_plugin.admin.place import places
from cookietrack_plugin.errors import StoreCorrupt, StoreLocked, StoreUnavailable
from cookietrack_plugin.record import Create
from cookietrack_plugin.stores.kit.paging import records
from tests.admin.conftest import expired, make_cookie, node_config, node_process, snapshot


@pytest.mark.parametrize("name", ["file:cookies.dat", "lmdb:.cookies"])
@pytest.mark.parametrize("purpose", ["read", "alter"])
def test_a_store_that_is_not_there_is_not_made(here, name, purpose):
    with (
        pytest.raises(StoreUnavailable, match="there is no store at"),
        opened(places(name)[0], purpose, ""),
    ):
        pass
    assert list(here.iterdir()) == []


def test_a_node_that_has_never_started_has_no_store_yet(run, make_node):
    node = make_node(node_config({"type": "lmdb", "path": "c"}))
    answer = run("ls", str(node))
    assert answer.code == 3
    assert f"lmdb:{node}/c: no node was started in {node}" in answer.err
    assert answer.err.endswith(" the node makes it when it starts\n")


def test_a_tilde_that_no_shell_has_replaced_is_told(here, run):
    answer = run("ls", "lmdb:~/cookies")
    assert answer.err.endswith(
        ": ~ stands for the home directory in a shell alone, write that out\n"
    )


@pytest.mark.parametrize("purpose", ["read", "alter"])
def test_a_directory_in_which_there_is_no_store_does_not_become_one(here, purpose):
    (here / "photos").mkdir()
    with (
        pytest.raises(StoreUnavailable, match="photos"),
        opened(places("lmdb:photos")[0], purpose, ""),
    ):
        pass
    assert list((here / "photos").iterdir()) == []


@pytest.mark.parametrize("purpose", ["read", "alter"])
def test_a_database_that_is_not_there_is_not_made(here, purpose):
    with (
        pytest.raises(StoreUnavailable, match="there is no database"),
        opened(places("sql:sqlite:///cookies.db")[0], purpose, ""),
    ):
        pass
    assert list(here.iterdir()) == []


def test_a_foreign_file_is_refused_and_left_as_it_is(here):
    (here / "letter.txt").write_text("Dear Sir or Madam")
    with (
        pytest.raises(StoreCorrupt, match=r"letter\.txt is no cookie file"),
        opened(places("file:letter.txt")[0], "read", ""),
    ):
        pass
    assert list(here.iterdir()) == [here / "letter.txt"]


@pytest.mark.parametrize("store_type", ["file", "lmdb"])
@pytest.mark.parametrize("purpose", ["read", "alter"])
def test_purge_on_startup_is_the_nodes_business(here, stores, store_type, purpose):
    key = {"file": "filename", "lmdb": "path"}[store_type]
    stores.make(f"{store_type}:cookies", [make_cookie("a"), expired("b")])
    item = {key: "cookies", "purge_on_startup": True}
    with opened(places(f"{store_type}:{json.dumps(item)}")[0], purpose, "") as store:
        assert len(list(records(store))) == 2


@pytest.mark.parametrize("name", ["file:cookies.dat", "lmdb:.cookies"])
def test_looking_at_a_store_changes_no_byte_of_it(here, stores, name):
    stores.make(name, [make_cookie("a"), expired("b")])
    before = snapshot(here)
    with opened(places(name)[0], "read", "") as store:
        assert len(list(records(store))) == 2
        store.stat()
    assert {path: data for path, data in snapshot(here).items() if path in before} == before


def test_a_third_partys_store_is_opened_and_closed_as_the_node_does(here, observed):
    place = places("observed:x")[0]
    with opened(place, "read", "") as store:
        store.commit([Create(make_cookie("a"))])
    with opened(place, "alter", "") as store:
        assert len(list(records(store))) == 1


def test_a_cookie_file_of_a_node_that_runs_is_read_and_not_altered(here, stores):
    """Crossbar itself locks nothing: put in another file's place, what it writes would be lost."""
    stores.make("file:cookies.dat", [make_cookie("a")])
    with node_process(here) as pid:
        with opened(places("file:cookies.dat")[0], "read", "") as store:
            assert len(list(records(store))) == 1
        with (
            pytest.raises(StoreLocked, match=rf"running node \(pid {pid}\): ask it"),
            opened(places("file:cookies.dat")[0], "alter", "ask it"),
        ):
            pass


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lmdb:", 'LOCATION: expected a string that is not empty, found ""'),
        ("sql:x", "LOCATION: expected "),
        ("redis:x", "LOCATION: expected "),
        ('lmdb:{"path": ""}', "LOCATION: expected "),
        ('lmdb:{"path": "x", "maxsize": 1}', '"maxsize" in the store item: expected '),
    ],
)
def test_what_is_wrong_with_a_location_is_said_of_it(run, name, told):
    """There is no store item on a command line, unless somebody has written one there."""
    assert run("ls", name).error.startswith(told)
    [finding] = [each for each in run("diagnose", name, "--json").json if each["level"] == "error"]
    assert finding["message"].startswith(told)


def test_in_a_node_it_is_said_of_the_store_item(run, make_node):
    node = make_node(node_config({"type": "lmdb", "path": ""}))
    assert '"path" in the store item' in run("ls", str(node)).error
