"""How an operator names a store."""

import pytest

from cookietrack_plugin.admin.place import places
from cookietrack_plugin.errors import ConfigError
from tests.admin.conftest import node_config

LMDB = {"type": "lmdb", "path": ".cookies"}


def options(name, **kwargs):
    return [dict(place.options) for place in places(name, **kwargs)]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("file:cookies.dat", {"type": "file", "filename": "cookies.dat"}),
        ("lmdb:.cookies", LMDB),
        ("database:.cookies", {"type": "database", "path": ".cookies"}),
        ('lmdb:{"path": "a", "maxsize": 9}', {"type": "lmdb", "path": "a", "maxsize": 9}),
        ("memory:", {"type": "memory"}),
    ],
)
def test_a_location_stands_for_the_option_that_its_type_needs(here, name, expected):
    assert options(name) == [expected]


def test_the_location_of_a_third_partys_type_is_given_to_the_option_that_it_names(here, observed):
    assert options("observed:over there") == [{"type": "observed", "url": "over there"}]


def test_a_type_without_a_location_is_named_by_itself_or_with_its_item(here):
    with pytest.raises(ConfigError, match=r"a memory store has no location: name it memory: or"):
        places("memory:x")
    assert options('memory:{"max_cookies": 5}') == [{"type": "memory", "max_cookies": 5}]


def test_a_directory_with_a_colon_is_written_with_a_slash(here, make_node):
    make_node(node_config(LMDB), name="lmdb:x")
    assert places("./lmdb:x")[0].directory == str(here / "lmdb:x")


def test_paths_of_a_location_are_relative_to_the_working_directory(here):
    assert places("lmdb:sub/.cookies")[0].path == str(here / "sub" / ".cookies")


def test_paths_of_a_node_are_relative_to_its_directory(make_node):
    node = make_node(node_config(LMDB))
    assert places(str(node))[0].path == str(node / ".cookies")


def test_paths_of_a_configuration_that_lies_elsewhere_begin_in_the_node_directory(here, make_node):
    elsewhere = make_node(node_config(LMDB), "elsewhere", "node.json") / "node.json"
    (here / "node").mkdir()
    [place] = places(str(elsewhere), cbdir="node")
    assert (place.path, place.node.path) == (str(here / "node" / ".cookies"), str(elsewhere))
    assert places(str(elsewhere))[0].path == str(here / "elsewhere" / ".cookies")


def test_a_node_directory_stands_for_the_configuration_in_it(here, make_node):
    node = make_node(node_config(LMDB))
    assert places(None, cbdir=str(node)) == places(str(node))


def test_a_node_directory_says_nothing_about_a_location(here):
    with pytest.raises(ConfigError, match="--cbdir goes with a node's configuration"):
        places("lmdb:x", cbdir=".")


def test_transports_with_the_same_store_item_are_one_store(make_node):
    same = {"path": ".cookies", "type": "lmdb"}
    node = make_node(node_config(LMDB, {"type": "memory"}, same))
    assert [place.transports for place in places(str(node))] == [
        ("worker001/transport001", "worker001/transport003"),
        ("worker001/transport002",),
    ]


def test_a_cookie_item_without_a_store_is_in_memory(make_node):
    config = node_config(LMDB)
    config["workers"][0]["transports"][0]["cookie"] = {}
    assert options(str(make_node(config))) == [{"type": "memory"}]


def test_a_transport_chooses_its_store_and_a_worker_those_of_all_its_transports(make_node):
    node = str(make_node(node_config(LMDB, {"type": "memory"})))
    assert options(node, transport="worker001/transport002") == [{"type": "memory"}]
    assert options(node, transport="worker001") == [LMDB, {"type": "memory"}]


def test_a_transport_that_does_not_exist_is_answered_with_those_that_do(make_node):
    node = str(make_node(node_config(LMDB)))
    with pytest.raises(ConfigError, match=r"worker001/transport001, found 'worker001/transport0'$"):
        places(node, transport="worker001/transport0")


def test_a_transport_says_nothing_about_a_location(here):
    with pytest.raises(ConfigError, match="--transport chooses in a node directory"):
        places("lmdb:x", transport="worker001")


def test_a_node_that_tracks_nobody_is_named(make_node):
    with pytest.raises(ConfigError, match=r"no transport in .* has a cookie item"):
        places(str(make_node({"workers": []})))


def test_a_wrong_cookie_item_is_refused_as_check_refuses_it(make_node):
    config = node_config(LMDB)
    config["workers"][0]["transports"][0]["cookie"]["nmae"] = "x"
    with pytest.raises(ConfigError, match='"nmae" in the cookie item'):
        places(str(make_node(config)))


@pytest.mark.parametrize("item", ["{", "{'path': 1}"])
def test_a_store_item_that_is_no_json_is_refused(here, item):
    with pytest.raises(ConfigError, match="is no JSON"):
        places(f"lmdb:{item}")


def test_no_password_is_shown(here, observed):
    place = places("observed:redis://joe:pa:s/s@host:6379/0?password=secret")[0]
    assert place.label == "observed:redis://host:6379/0"


@pytest.mark.parametrize("name", ["redis:{'url': 'redis://:secret@host'}", "redis//:secret@host"])
def test_no_password_is_shown_of_a_name_that_is_none(here, name):
    with pytest.raises(ConfigError) as caught:
        places(name)
    assert "secret" not in str(caught.value)


def test_what_tells_stores_of_one_place_apart_is_shown(here):
    item = '{"url": "postgresql://joe:secret@db/x", "table": "ours", "pool_size": 9}'
    assert places(f"sql:{item}")[0].label == "sql:postgresql://db/x ours"


@pytest.mark.parametrize("depth", [300, 900, 3_000])
def test_a_store_item_that_is_nested_too_deeply_is_one_line(run, depth):
    answer = run("ls", f'lmdb:{{"a": {"[" * depth}{"]" * depth}}}')
    assert answer.code == 2
    assert answer.error
    assert run("ls", f'lmdb:{{"a": {"[" * depth}').code == 2


@pytest.mark.parametrize(
    "name", ["redis://localhost/0", "postgresql://joe:secret@db/x", "http://h"]
)
def test_a_url_without_its_type_is_answered_with_the_form(here, name):
    with pytest.raises(ConfigError, match="found a URL alone: write the type before it") as raised:
        places(name)
    assert "secret" not in str(raised.value)


def test_an_absolute_path_may_begin_with_two_slashes(here):
    assert options("lmdb://tmp/c") == [{"type": "lmdb", "path": "//tmp/c"}]
