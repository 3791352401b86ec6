"""
Stores as earlier versions wrote them are read and written, and those of later ones left alone.

`tests/stores/kept` has a store of each format, written by the code of its time. Where a format is
young, that is not today's code: what this one writes is compared with what that one wrote.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from cookietrack_plugin.errors import StoreCorrupt, StoreUnavailable
from cookietrack_plugin.record import Auth, Authenticate, Create, Delete, Touch
from cookietrack_plugin.stores.file import lines
from cookietrack_plugin.stores.kit import codec
from cookietrack_plugin.stores.kit.ordered import store as ordered
from cookietrack_plugin.stores.kit.paging import records
from cookietrack_plugin.stores.lmdb import files
from cookietrack_plugin.stores.redis import schema as redis_schema
from cookietrack_plugin.stores.sql import schema as sql_schema
from servers.redises import RedisServer
from tests.stores.test_codec import LAYOUTS
from tests.support import kept
from tests.support.kept import (
    COOKIES,
    DAY,
    EXPIRES,
    FilePlace,
    LmdbPlace,
    OrderedPlace,
    Place,
    RedisPlace,
    SqlPlace,
    commit,
    fill,
    id_of,
    kept_of,
    lasting,
)
from tests.support.redis_stores import new_prefix

pytest_plugins = ["tests.support.servers", "tests.support.databases"]

NEWEST = {
    "file": lines.FORMAT,
    "lmdb": files.FORMAT,
    "ordered": int(ordered.FORMAT.split()[1]),
    "redis": redis_schema.VERSION,
    "sql": len(sql_schema.STEPS),
}
# Of these, an earlier format is read by a node that converts it, and by nobody before.
CONVERTED = ("lmdb", "redis", "sql")
ALL = [(name, format) for name, newest in NEWEST.items() for format in range(1, newest + 1)]


# Each type, and the databases of one that has several; with the mark of those that need a server.
PLACES = {
    **dict.fromkeys(("file", "lmdb", "ordered"), ()),
    "redis": pytest.mark.server,
    "sql sqlite": (),
    "sql postgresql": pytest.mark.server,
    "sql mariadb": pytest.mark.server,
}
EACH = [pytest.param(name, marks=marks, id=name) for name, marks in PLACES.items()]
EACH_FORMAT = [
    pytest.param((name, format), marks=marks, id=f"{name} {format}")
    for name, marks in PLACES.items()
    for format in range(1, NEWEST[name.split()[0]] + 1)
]


@contextmanager
def new_place(name: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Place]:
    """Where such a store can be, with nothing there."""
    if name == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        yield RedisPlace(server.url(), new_prefix())
    elif name == "sql sqlite":
        yield SqlPlace(f"sqlite:///{folder}/cookies.sqlite")
    elif name.startswith("sql "):
        with request.getfixturevalue(name.partition(" ")[2]).database() as database:
            yield SqlPlace(request.getfixturevalue(name.partition(" ")[2]).url(database))
    else:
        yield OrderedPlace() if name == "ordered" else IN_FILES[name](folder)


IN_FILES = {"file": FilePlace, "lmdb": LmdbPlace}


@pytest.fixture(params=EACH)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with new_place(request.param, request, tmp_path) as place:
        yield place


@pytest.fixture(params=EACH)
def newest(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """With the kept store of the newest format."""
    with new_place(request.param, request, tmp_path) as place:
        place.plant(kept_of(place, NEWEST[place.type]).read_bytes())
        yield place


@pytest.fixture(params=EACH_FORMAT)
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """With a kept store of each format."""
    name, format = request.param
    with new_place(name, request, tmp_path) as place:
        place.plant(kept_of(place, format).read_bytes())
        yield place


def found_in(store: Any) -> list[Any]:
    return sorted(records(store), key=lambda cookie: cookie.id)


@pytest.mark.parametrize(("name", "format"), ALL)
def test_a_store_of_every_format_is_kept(name: str, format: int) -> None:
    assert list(kept.FOLDER.glob(f"{name}-{format}.*")), (
        f"{name} has a new format: keep a store of it in {kept.FOLDER} (see tests/support/kept.py)"
    )


def test_records_of_every_layout_are_kept() -> None:
    assert sorted(LAYOUTS) == sorted(codec._READERS)


def test_a_kept_store_is_read_altered_and_read_again(planted: Place) -> None:
    place = planted
    with closing(place.open()) as store:
        assert found_in(store) == COOKIES
        assert store.load([id_of(1), id_of(4)]) == {id_of(1): COOKIES[1]}
        assert {each.id for each in records(store, "joe")} == {id_of(1), id_of(3)}
    assert place.format() == NEWEST[place.type]
    with closing(place.open()) as store:
        alter(store)
    with closing(place.open()) as store:
        assert {each.id: each for each in found_in(store)} == {
            id_of(0): evolve(COOKIES[0], seen=EXPIRES, expires=EXPIRES + 2 * DAY),
            id_of(3): COOKIES[3],
            id_of(5): evolve(COOKIES[4], seen=EXPIRES, auth=ZOE),
            id_of(9): evolve(COOKIES[2], id=id_of(9)),
        }
        assert store.expire(EXPIRES + DAY, 10) == 3
        assert [each.id for each in found_in(store)] == [id_of(0)]


ZOE = Auth("zoe", "user", "ticket", "realm1")


def alter(store: Any) -> None:
    """One change of each kind, to records that an earlier version has written."""
    since = store.revoked_since(None)[1] if hasattr(store, "revoked_since") else None
    first = COOKIES[0]
    commit(store, Create(evolve(COOKIES[2], id=id_of(9))), Delete(id_of(2)))
    commit(store, Touch(first.id, EXPIRES, EXPIRES + 2 * DAY, first.peer, first.user_agent))
    commit(store, Authenticate(id_of(5), ZOE, EXPIRES, since))
    assert store.revoke_user("joe", "realm1") == 1
    assert store.revoke_user("ann", None) == 0


def test_todays_code_writes_what_the_earlier_code_of_the_format_wrote(
    place: Place, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """So each reads what the other has written, and both can have the store at once."""
    with closing(place.open()) as store:
        fill(store)
        assert found_in(store) == COOKIES
    name = request.node.callspec.params["place"]
    (tmp_path / "earlier").mkdir()
    with new_place(name, request, tmp_path / "earlier") as earlier:
        earlier.plant(kept_of(earlier, NEWEST[earlier.type]).read_bytes())
        assert lasting(place.content()) == lasting(earlier.content())


def test_to_open_and_read_a_store_of_todays_format_alters_nothing(newest: Place) -> None:
    before = newest.content()
    with closing(newest.open()) as store:
        assert found_in(store) == COOKIES
    assert newest.content() == before


def test_a_newer_format_is_refused_in_words_and_left_alone(newest: Place) -> None:
    known = NEWEST[newest.type]
    newest.mark(known + 1)
    before = newest.content()
    for open_it in (newest.open, newest.look):
        with pytest.raises(StoreCorrupt) as refused:
            open_it()
        for number in (known, known + 1):
            assert re.search(rf"\b{number}\b", str(refused.value))
    assert newest.content() == before


def test_who_only_looks_alters_no_earlier_format(planted: Place) -> None:
    before, format = planted.content(), planted.format()
    if planted.type in CONVERTED and format < NEWEST[planted.type]:
        with pytest.raises(StoreUnavailable, match=r"version.*a node|version.*next node"):
            planted.look()
    else:
        with closing(planted.look()) as store:
            assert found_in(store) == COOKIES
    assert (planted.content(), planted.format()) == (before, format)
