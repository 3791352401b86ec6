"""A store that fails, hangs or is full: nobody gets in who should not, and the node goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.node.conftest import Listener
from tests.support import configs
from tests.support.client import Clients
from tests.support.node import Node, wait_for
from tests.support.raw import RawHandshake, handshake

pytestmark = pytest.mark.node

PACKAGES = Path(__file__).parent.parent / "packages"


class FaultyNode:
    """A node with a transport on the faulty store, and one that has nothing to do with it."""

    def __init__(self, folder: Path) -> None:
        self.listener, self.healthy, self.lenient = Listener(), Listener(), Listener()
        options = {"open_handshake_timeout": 30000}
        faulty = {"store": {"type": "faulty"}, "rotate": False}
        config = configs.router(
            configs.websocket(self.listener.port, faulty, options=options),
            configs.websocket(self.healthy.port, {"store": {"type": "memory"}}),
            configs.websocket(self.lenient.port, {**faulty, "on_failure": "anonymous"}),
        )
        self.node = Node(folder, config)

    def start(self) -> None:
        env = {"PYTHONPATH": str(PACKAGES / "faulty")}
        self.node.start(self.listener.port, self.healthy.port, self.lenient.port, env=env)

    def switch(self, **faults: str) -> None:
        fresh = self.node.cbdir / "switch.new"
        fresh.write_text(json.dumps(faults))
        fresh.rename(self.node.cbdir / "switch")

    def new(self, *headers: str) -> Any:
        return handshake(self.listener.port, *headers)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyNode]:
    node = FaultyNode(tmp_path_factory.mktemp("faulty") / "node")
    try:
        node.start()
        yield node
    finally:
        node.node.stop()


@pytest.fixture
def faulty(started: FaultyNode) -> Iterator[FaultyNode]:
    """The node, whose store works again after the test."""
    yield started
    started.switch()


@pytest.mark.parametrize("fault", ["raise", "unavailable", "full"])
def test_a_handshake_that_the_store_fails_is_answered_with_503(
    fault: str, faulty: FaultyNode
) -> None:
    value = faulty.new().cookie
    faulty.switch(commit=fault)
    assert faulty.new().status == 503
    assert faulty.new(f"Cookie: cbtid={value}").status == 101
    faulty.switch(load=fault)
    refused = faulty.new(f"Cookie: cbtid={value}")
    assert refused.status == 503
    assert refused.cookie is None
    assert refused.header("Retry-After") == "5"
    assert faulty.new().status == 101
    assert handshake(faulty.healthy.port).status == 101
    faulty.switch()
    assert faulty.new(f"Cookie: cbtid={value}").cookie is None


def test_where_it_is_wanted_clients_get_in_untracked_and_never_by_their_cookie(
    faulty: FaultyNode, clients: Clients
) -> None:
    first = clients.login(faulty.lenient.url)
    faulty.switch(load="unavailable", commit="unavailable")
    again = clients.login(faulty.lenient.url, cookie=first.cookie)
    assert again.joined
    assert again.challenged
    assert again.set_cookie is None
    details = again.call("wamp.session.get", again.session)
    assert details["transport"]["http_cbtid"] is None
    faulty.switch()
    assert not clients.login(faulty.lenient.url, cookie=first.cookie).challenged


def test_while_the_store_hangs_its_clients_wait_and_all_others_are_served(
    faulty: FaultyNode, clients: Clients
) -> None:
    other = clients.login(faulty.healthy.url)
    faulty.switch(commit="hang")
    with RawHandshake(faulty.listener.port) as waiting:
        waiting.send()
        assert other.call("wamp.session.get", other.session)["authid"] == "alice"
        assert clients.login(faulty.healthy.url, "bob").joined
        # What comes while the look-up is pending, in pieces, is taken up afterwards.
        waiting.send(b"\x81").send(b"\x80\0\0\0\0")
        assert waiting.response == b""
        faulty.switch()
        assert waiting.answer().status == 101
        assert waiting.cookie


def test_a_peer_that_leaves_while_the_store_hangs_leaves_nothing_behind(
    faulty: FaultyNode, clients: Clients
) -> None:
    faulty.switch(commit="hang")
    with RawHandshake(faulty.listener.port) as waiting:
        waiting.send()
    faulty.switch()
    client = clients.login(faulty.listener.url)
    wait_for(lambda: client.call("wamp.session.count") == 1, "no session but this one")
    assert "Unhandled" not in faulty.node.output()


def test_welcome_does_not_leave_for_a_login_that_cannot_be_stored(
    faulty: FaultyNode, clients: Clients
) -> None:
    first = clients.open(faulty.listener.url, join=False)
    faulty.switch(commit="full")
    refused = clients.login(faulty.listener.url, cookie=first.cookie)
    assert not refused.joined
    assert refused.wait_closed()["close_code"] == 1011
    faulty.switch()
    assert clients.login(faulty.listener.url, cookie=first.cookie).challenged


def test_a_logout_that_cannot_be_stored_is_refused_here_and_stored_when_it_can_be(
    faulty: FaultyNode, clients: Clients
) -> None:
    first = clients.login(faulty.listener.url)
    sibling = clients.login(faulty.listener.url, cookie=first.cookie)
    faulty.switch(commit="unavailable")
    left = first.leave("wamp.close.logout")
    assert left["leave_reason"] != "wamp.close.normal", "no GOODBYE before it is durable"
    sibling.wait_closed()
    with RawHandshake(faulty.listener.port, f"Cookie: {first.cookie}") as refused:
        assert refused.send().answer().status == 503, "a new cookie cannot be stored either"
    refusal = "cannot be stored; this worker refuses it"
    wait_for(lambda: refusal in faulty.node.output(), "the line in the log")
    faulty.switch()
    again = clients.login(faulty.listener.url, cookie=first.cookie)
    assert again.challenged
    assert again.set_cookie
    wait_for(lambda: "is stored now" in faulty.node.output(), "the deletion is stored")
