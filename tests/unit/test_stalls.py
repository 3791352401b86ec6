"""The worker's process: what its kernel and its interpreter would make the reactor wait for."""

import os
import subprocess
import sys
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE

import pytest

from cookietrack_plugin.router.fast import stalls

# A process of its own, as a table of descriptors does not shrink again.
WIDENED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
from cookietrack_plugin.router.fast import stalls
stalls.widen()
print(open("/proc/self/status").read())
"""


def room(limit: int) -> int:
    """For how many descriptors a process has room, with at most `limit` of them."""
    done = subprocess.run(
        [sys.executable, "-c", WIDENED, str(limit)], capture_output=True, text=True, check=True
    )
    [size] = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("FDSize")]
    return int(size)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
@pytest.mark.parametrize("limit", [1024, 4096])
def test_there_is_room_for_as_many_descriptors_as_the_process_may_have(limit: int) -> None:
    assert room(limit) >= limit


@pytest.mark.parametrize(
    ("limit", "highest"), [(1024, 1023), (10**6, 65_535), (RLIM_INFINITY, 65_535)]
)
def test_room_is_made_within_the_limit_and_within_reason(
    limit: int, highest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def limits(what: int) -> tuple[int, int]:
        asked.append(what)
        return limit, RLIM_INFINITY

    monkeypatch.setattr(stalls.resource, "getrlimit", limits)
    assert stalls._highest() == highest
    assert asked == [RLIMIT_NOFILE]


def test_where_no_room_can_be_made_a_store_is_opened_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stalls, "_highest", lambda: 2**31 - 1)
    before = len(os.listdir("/dev/fd"))
    stalls.widen.__wrapped__()
    assert len(os.listdir("/dev/fd")) == before
