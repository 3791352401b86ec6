"""A node directory, as Crossbar finds and reads it."""

import pytest

from cookietrack_plugin.admin.node import default_directory, read_node, running_pid
from cookietrack_plugin.errors import ConfigError
from tests.admin.conftest import node_process

COOKIE = {"store": {"type": "memory"}}


def websocket(**more):
    return {"type": "websocket", "cookie": COOKIE, **more}


def worker(*transports, **more):
    return {"type": "router", "transports": list(transports), **more}


def names(make_node, *workers):
    node = make_node({"version": 2, "workers": list(workers)})
    return [each.name for each in read_node(str(node)).transports()]


def test_workers_and_transports_without_an_id_are_named_as_crossbar_names_them(make_node):
    assert names(make_node, worker(websocket(), websocket(id="mine")), worker(websocket())) == [
        "worker001/transport001",
        "worker001/mine",
        "worker002/transport002",
    ]


def test_a_proxy_counts_its_own_transports_from_zero(make_node):
    proxy = {"type": "proxy", "id": "front", "transports": [websocket(), websocket()]}
    assert names(make_node, worker({"type": "rawsocket"}), proxy, worker(websocket())) == [
        "front/transport000",
        "front/transport001",
        "worker002/transport002",
    ]


def test_workers_of_other_types_are_counted_and_not_looked_into(make_node):
    guest = {"type": "guest", "transports": [websocket()]}
    assert names(make_node, guest, worker(websocket())) == ["worker002/transport001"]


def test_every_path_on_which_websockets_are_served_has_its_name(make_node):
    paths = {
        "/": {"type": "websocket", "cookie": COOKIE},
        "ws": websocket(),
        "plain": {"type": "websocket"},
        "info": {"type": "nodeinfo", "cookie": COOKIE},
        "deep": {"type": "path", "paths": {"er": {"type": "path", "paths": {"ws": websocket()}}}},
    }
    web = {"type": "web", "id": "web", "paths": paths}
    universal = {
        "type": "universal",
        "id": "all",
        "websocket": {"chat": websocket()},
        "web": {"paths": {"ws": websocket()}},
    }
    assert names(make_node, worker(web, universal, id="w")) == [
        "w/web",
        "w/web/ws",
        "w/web/deep/er/ws",
        "w/all/chat",
        "w/all/ws",
    ]


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"workers": {"a": 1}},
        {"workers": ["router", None, {"type": "router", "transports": "all"}]},
        {"workers": [{"type": "router", "transports": [{"type": "web", "paths": ["ws"]}]}]},
        {"workers": [{"type": "router", "transports": [{"type": "universal", "web": 3}]}]},
    ],
)
def test_what_is_wrong_in_a_configuration_is_passed_over(make_node, content):
    assert read_node(str(make_node(content))).transports() == []


def test_yaml_comes_before_json_as_crossbar_takes_them(make_node):
    node = make_node({"workers": []})
    (node / "config.yaml").write_text("workers:\n- {type: router, transports: [{cookie: {}}]}\n")
    assert read_node(str(node)).path == str(node / "config.yaml")


def test_a_configuration_file_can_be_named_itself(make_node):
    node = make_node({"workers": [worker(websocket())]}, file="other.json")
    found = read_node(str(node / "other.json"))
    assert (len(found.transports()), found.directory) == (1, str(node))


def test_a_project_with_its_node_in_dot_crossbar_can_be_named(here, make_node):
    make_node({"workers": [worker(websocket())]}, name=".crossbar")
    assert read_node(str(here)).directory == str(here / ".crossbar")


def test_the_default_node_is_the_one_that_crossbar_would_take(here, monkeypatch):
    assert default_directory() == "."
    (here / ".crossbar").mkdir()
    assert default_directory() == ".crossbar"
    monkeypatch.setenv("CROSSBAR_DIR", "/srv/node")
    assert default_directory() == "/srv/node"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("config.json", "{'a'}", r"config\.json is no valid configuration: .*line 1 column 2"),
        ("config.yaml", "a: [1", r"config\.yaml is no valid configuration: .*line"),
        ("config.json", "\udcff", r"config\.json is no valid configuration"),
    ],
)
def test_a_file_that_cannot_be_parsed_is_named_with_the_place(here, file, text, message):
    (here / file).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=message) as raised:
        read_node(str(here))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("file", "depth"), [("config.json", 300), ("config.json", 3_000), ("config.yaml", 900)]
)
def test_what_is_nested_too_deeply_is_one_line(run, here, file, depth):
    (here / file).write_text(f'{{"version": {"[" * depth}{"]" * depth}}}')
    answer = run("ls", ".")
    assert answer.code == 2
    assert answer.error


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("config.yaml", "url: redis://:secret@host: x"),
        ("config.yaml", "url: 'redis://:secret@host"),
        ("config.yaml", 'url: "redis://:secret@host\\z"'),
        ("config.yaml", "url: *secret"),
        ("config.yaml", "url: \x01secret"),
        ("config.json", '{"url": "redis://:secret@host'),
    ],
)
def test_nothing_of_a_file_that_cannot_be_parsed_is_shown(here, file, text):
    (here / file).write_text(text)
    with pytest.raises(ConfigError, match="is no valid configuration") as raised:
        read_node(str(here))
    assert "secret" not in str(raised.value)


def test_a_directory_without_a_configuration_is_named(here):
    with pytest.raises(ConfigError, match=r"no config\.yaml or config\.json in .*"):
        read_node(str(here))


def test_a_node_runs_while_the_process_does_that_its_file_names(here):
    assert running_pid(str(here)) is None
    with node_process(here) as pid:
        assert running_pid(str(here)) == pid
    assert running_pid(str(here)) is None


def test_a_process_that_has_got_the_number_of_a_crashed_node_is_no_node(here):
    with node_process(here, "something", "else"):
        assert running_pid(str(here)) is None


@pytest.mark.parametrize("text", ["", "[]", '{"pid": "x"}', '{"pid": null}'])
def test_a_damaged_pid_file_says_nothing(here, text):
    (here / "node.pid").write_text(text)
    assert running_pid(str(here)) is None
