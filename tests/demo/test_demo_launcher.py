"""`demo.py`, which `make demo` runs: ports, messages, and an end that leaves nothing behind."""

import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from servers.ports import free_port
from tests.support.demo import Demo
from tests.support.node import wait_for

pytestmark = pytest.mark.node

Loopback = tuple[socket.AddressFamily, str]
LOOPBACKS: Sequence[Loopback] = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """Without the library: its page is the browser tests' business."""
    demo = Demo(tmp_path / "demo", with_library=False)
    yield demo
    demo.stop()


def test_it_passes_over_taken_ports_says_where_the_page_is_and_ends_in_order(demo: Demo) -> None:
    """
    Ports in a row, one for each address of `localhost`, are taken there alone. On the port that was
    asked for, and by SIGTERM: see `test_demo_browser`.
    """
    loopbacks = [each for each in LOOPBACKS if can_listen(*each)]
    with ExitStack() as other_programs:
        taken = wait_for(lambda: take(loopbacks, other_programs), "ports in a row")
        url = demo.start(taken[0])
    used = int(url.rpartition(":")[2])
    assert used > taken[-1]
    assert f"Port {taken[0]} is taken by another program: using {used} instead." in demo.said()
    assert "alice, password looking-glass" in demo.said()
    assert "autobahn-js is missing" in demo.said()
    assert "apt install npm" in demo.said()
    with urlopen(url) as page:
        assert b"<title>Cookie tracking demo</title>" in page.read()
    assert demo.stop(signal.SIGINT) == 0
    assert demo.said().endswith("Stopping the node ...\n")


def can_listen(family: socket.AddressFamily, host: str) -> bool:
    """Whether this machine has the address."""
    with socket.socket(family) as probe, suppress(OSError):
        probe.bind((host, 0))
        return True
    return False


def take(loopbacks: Sequence[Loopback], stack: ExitStack) -> list[int]:
    """Ports in a row, on which somebody listens from now on; none if one was taken already."""
    ports = range(first := free_port(), first + len(loopbacks))
    with ExitStack() as programs, suppress(OSError):
        for (family, host), port in zip(loopbacks, ports, strict=True):
            program = programs.enter_context(socket.socket(family))
            program.bind((host, port))
            program.listen()
        stack.enter_context(programs.pop_all())
        return [*ports]
    return []


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
