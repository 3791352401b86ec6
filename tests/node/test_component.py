"""The WAMP component on a real node: what is wrong with it is said aloud."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from crossbar.common.checkconfig import InvalidConfigException

from cookietrack_plugin.router.personalities.standalone import Personality
from servers.ports import free_port
from tests.node.conftest import STORES, Listener
from tests.support import configs
from tests.support.node import Node, wait_for

pytestmark = pytest.mark.node

Make = Callable[..., Node]
LMDB = STORES["lmdb"]
ROLE = "mute"
CALL_ALL = {"uri": "", "match": "prefix", "allow": {"call": True}}
TOLD = (
    "cookies cannot be administered: the component cannot register cookietrack.list: its role"
    f' "{ROLE}" in realm "realm1" lacks "allow": {{"register": true}} for "cookietrack."'
)


def component(**more: Any) -> dict[str, Any]:
    return {
        "type": "class",
        "classname": "cookietrack_plugin.router.component.CookieAdministration",
        "realm": configs.REALM,
        "extra": {"store": LMDB},
        **more,
    }


def node_with_mute_role(*transports: dict[str, Any]) -> dict[str, Any]:
    """A node that has a role without the permission to register anything."""
    config = configs.router(*transports)
    roles = [*configs.ROLES, {"name": ROLE, "permissions": [CALL_ALL]}]
    config["workers"][0]["realms"] = [{"name": configs.REALM, "roles": roles}]
    return config


def test_a_component_without_permission_does_not_look_ready(
    make_node: Make, listener: Listener
) -> None:
    """As Crossbar does with every component that leaves early, it does not start the node."""
    config = node_with_mute_role(configs.websocket(listener.port, {"store": LMDB}))
    config["workers"][0]["components"] = [component(role=ROLE)]
    node = make_node(config)
    with pytest.raises(AssertionError):
        node.start(listener.port)
    check_log(node.output())


def test_neither_does_one_in_a_container(make_node: Make, listener: Listener) -> None:
    endpoint = {"type": "tcp", "host": "127.0.0.1", "port": free_port()}
    backend = {
        "type": "rawsocket",
        "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": endpoint["port"]},
        "auth": {"anonymous": {"type": "static", "role": ROLE}},
    }
    way = {"type": "rawsocket", "url": "rs://localhost", "serializer": "cbor"}
    transport = configs.websocket(listener.port, {"store": LMDB})
    config = node_with_mute_role(backend, transport)
    contained = component(transport={**way, "endpoint": endpoint})
    config["workers"].append({"type": "container", "components": [contained]})
    node = make_node(config)
    node.start(listener.port)
    wait_for(node.ended, "the end of the node")
    check_log(node.output())


def check_log(output: str) -> None:
    """One line says why; none that it is ready."""
    ours = [line for line in output.splitlines() if "cookies cannot be administered" in line]
    assert len(ours) == 1, output
    assert ours[0].endswith(TOLD)
    assert "omponent ready" not in output
    assert "session closed with reason" not in output
    assert "AttributeError: 'RouterApplicationSession'" not in output


def test_a_store_that_no_transport_names_is_refused_by_check() -> None:
    config = configs.router(configs.websocket(8080, {"store": LMDB}))
    other = {"store": {"type": "lmdb", "path": "other"}}
    config["workers"][0]["components"] = [component(role="user", extra=other)]
    told = (
        'worker001/component001: "store" in the "extra" of CookieAdministration: expected'
        ' {"type": "lmdb", "path": ".cookies"} (worker001/transport001), found {"type": "lmdb",'
        ' "path": "other"}, which no transport names'
    )
    with pytest.raises(InvalidConfigException, match=re.escape(told)):
        Personality.check_config(Personality, config)
