"""`demo.py`, which `make demo` runs: ports, messages, and an end that leaves nothing behind."""

import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from servers.ports import free_port
from tests.support.demo import Demo
from tests.support.node import wait_for

pytestmark = pytest.mark.node


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Without the library: its page is the browser tests' business."""
    demo = Demo(tmp_path / "demo", with_library=False)
    yield demo
    demo.stop()


def test_it_says_where_the_page_is_and_ends_in_order(demo: Demo) -> None:
    port = free_port()
    url = demo.start(port)
    assert url == f"http://localhost:{port}"
    assert "alice, password looking-glass" in demo.said()
    assert "autobahn-js is missing" in demo.said()
    assert "apt install npm" in demo.said()
    with urlopen(url) as page:
        assert b"<title>Cookie tracking demo</title>" in page.read()
    ends_in_order(demo, signal.SIGINT)


def ends_in_order(demo: Demo, how: signal.Signals) -> None:
    """With exit code 0, and no process left."""
    assert demo.stop(how) == 0
    assert demo.said().endswith("Stopping the node ...\n")


@pytest.mark.parametrize("loopback", ["127.0.0.1", "::1"])
def test_a_taken_port_is_named_and_another_one_used(demo: Demo, loopback: str) -> None:
    family = socket.AF_INET6 if ":" in loopback else socket.AF_INET
    with socket.socket(family) as other_program:
        try:
            other_program.bind((loopback, free_port()))
        except OSError:
            pytest.skip(f"this machine has no {loopback}")
        other_program.listen()
        taken = other_program.getsockname()[1]
        url = demo.start(taken)
    assert url != f"http://localhost:{taken}"
    assert f"Port {taken} is taken by another program: using {url[17:]} instead." in demo.said()
    ends_in_order(demo, signal.SIGTERM)


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1"])
def test_a_port_that_is_none_is_refused(demo: Demo, port: str) -> None:
    demo.launch(port)
    wait_for(demo.ended, "the demo refuses to start")
    assert demo.said() == f"PORT has to be a number from 1 to 65535, not {port!r}\n"
    assert demo.process is not None
    assert demo.process.returncode == 1


def test_a_node_that_does_not_start_is_shown_with_the_reason(demo: Demo) -> None:
    config = demo.folder / ".crossbar" / "config.json"
    config.write_text(config.read_text().replace('"lmdb"', '"lmbd"'))
    demo.launch(free_port())
    wait_for(demo.ended, "the demo gives up")
    assert "lmbd" in demo.said()
    assert "The node ended" in demo.said()
    assert demo.process is not None
    assert demo.process.returncode == 1
