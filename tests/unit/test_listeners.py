"""The names of the cookies in a configuration: of all listeners, and for all workers."""

from crossbar.node.controller import create_process_env
from crossbar.node.node import Node

from cookietrack_plugin.config.listeners import cookie_names_of, in_node, in_transport
from cookietrack_plugin.router.names import VARIABLE, CookieNames
from cookietrack_plugin.router.node import CookieNode, with_cookie_names


def websocket(name=None, **more):
    cookie = {"name": name} if name else {}
    return {"type": "websocket", "cookie": {**cookie, "store": {"type": "memory"}}, **more}


WEB = {
    "type": "web",
    "paths": {
        "ws": websocket("path"),
        "deep": {"type": "path", "paths": {"ws": websocket("deep")}},
    },
}
UNIVERSAL = {
    "type": "universal",
    "websocket": {"bare": {"type": "websocket"}, "ws": websocket("universal")},
    "web": {"paths": {"ws": websocket("page")}},
}
CONFIG = {
    "version": 2,
    "workers": [
        {"type": "router", "transports": [websocket(), WEB], "options": {"title": "mine"}},
        {"type": "proxy", "transports": [UNIVERSAL, {"type": "websocket", "auth": {"cookie": {}}}]},
        {"type": "container"},
    ],
}
NAMES = {"cbtid", "path", "deep", "universal", "page"}


def names_of(options):
    """What a worker knows that is started with these options."""
    return CookieNames(create_process_env(options).get(VARIABLE, "").split()).known()


def make_node(config):
    node = with_cookie_names(Node)(type("P", (), {"native_workers": {}}), reactor=object())
    node._config = config
    return node


def test_all_names_are_found_wherever_a_cookie_item_stands():
    assert cookie_names_of(in_node(CONFIG)) == NAMES
    assert cookie_names_of(in_transport(UNIVERSAL)) == {"universal", "page"}


def test_a_wrong_item_is_passed_over():
    transports = [websocket("fine"), {"type": "websocket", "cookie": {"name": "No!"}}]
    config = {"workers": [{"type": "router", "transports": transports}]}
    assert cookie_names_of(in_node(config)) == {"fine"}


class TestAWorker:
    def test_gets_the_names_of_the_whole_node(self):
        options = {}
        make_node(CONFIG)._extend_worker_args([], options)
        assert names_of(options) == NAMES

    def test_keeps_its_own_options_and_environment(self):
        env = {"inherit": ["HOME"], "vars": {"MINE": "1"}}
        options = {"title": "mine", "env": env}
        make_node(CONFIG)._extend_worker_args([], options)
        assert options["title"] == "mine"
        assert create_process_env(options)["MINE"] == "1"
        assert "PATH" not in create_process_env(options)
        assert names_of(options) == NAMES
        assert env == {"inherit": ["HOME"], "vars": {"MINE": "1"}}

    def test_of_a_node_without_cookies_is_started_as_ever(self):
        for config in (None, {}, {"workers": [{"type": "router", "transports": []}]}):
            options = {}
            make_node(config)._extend_worker_args([], options)
            assert options == {}


def test_a_node_is_made_one_that_names_cookies_once():
    once = with_cookie_names(Node)
    assert issubclass(once, Node)
    assert issubclass(once, CookieNode)
    assert with_cookie_names(once) is once
