"""A test without the server that it needs."""

import sys
from pathlib import Path

import pytest

from servers.process import NotInstalled, ServerProcess, program, running
from tests.conftest import skipping_without_server


def test_a_missing_program_is_named_with_its_package():
    with pytest.raises(NotInstalled, match=r"no-such-server .* \(Debian's package: nothing\)"):
        program("no-such-server", "nothing")


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail), ("", pytest.skip)])
def test_without_it_a_test_is_skipped_and_fails_in_ci(ci, outcome, monkeypatch):
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome.Exception, match="missing"), skipping_without_server():
        raise NotInstalled("missing")


MANY_THREADS = """
import threading, time
def work():
    while True:
        time.sleep(0.0001)
for _ in range(20):
    threading.Thread(target=work).start()
print("ready", flush=True)
"""


def test_a_paused_server_stands_still_with_all_its_threads(tmp_path: Path):
    """SIGSTOP reaches one thread first, and the others go on and answer until it has run."""
    command = [sys.executable, "-c", MANY_THREADS]
    server = ServerProcess("threads", command, tmp_path, lambda: "ready" in server.log())
    with running(server):
        process = server._processes()[0]
        for _ in range(100):
            with server.paused():
                states = {
                    stat.read_text().rpartition(")")[2].split()[0]
                    for stat in Path(f"/proc/{process.pid}/task").glob("*/stat")
                }
            assert states == {"T"}
