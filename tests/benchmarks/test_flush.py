"""The slow disk: which calls it slows, and that LMDB's go through it, ours and Crossbar's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import flush

CALLS = """
import os, mmap
file = os.open("file", os.O_RDWR | os.O_CREAT)
os.write(file, b"0" * 4096)
os.fsync(file)
os.fdatasync(file)
os.fdatasync(file)
mmap.mmap(file, 4096).flush()
os.pwrite(os.open("file", os.O_WRONLY | os.O_DSYNC), b"1", 0)
os.pwrite(file, b"1", 0)
"""
PY_LMDB = """
import lmdb
environment = lmdb.open("data")
for number in range(10):
    with environment.begin(write=True) as transaction:
        transaction.put(bytes([number]), b"")
"""
ZLMDB = """
from crossbar.router.cookiestore import CookieStoreDatabaseBacked
store = CookieStoreDatabaseBacked("data", {"store": {"type": "database"}})
for _ in range(10):
    store.create()
"""
CLOCK = """
import os, time
file = os.open("file", os.O_WRONLY | os.O_CREAT)
began = time.perf_counter()
os.fsync(file)
print(time.perf_counter() - began)
"""


def run(code: str, directory: Path, milliseconds: float = 0) -> str:
    slow = flush.environment(directory, milliseconds)
    order = [sys.executable, "-c", code]
    done = subprocess.run(
        order, cwd=directory, env={**os.environ, **slow}, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_every_call_that_waits_for_the_disk_is_counted(tmp_path: Path) -> None:
    run(CALLS, tmp_path)
    assert flush.counted(tmp_path) == {
        "fsync": 1,
        "fdatasync": 2,
        "msync": 1,
        "sync_file_range": 0,
        "synchronous write": 1,
    }


@pytest.mark.parametrize("code", [PY_LMDB, ZLMDB], ids=["py-lmdb", "zlmdb"])
def test_each_commit_of_lmdb_goes_through_it(code: str, tmp_path: Path) -> None:
    run(code, tmp_path)
    assert flush.counted(tmp_path)["fdatasync"] >= 10


# A lower bound, which no busy machine can break.
def test_a_flush_takes_at_least_what_was_asked_for(tmp_path: Path) -> None:
    assert float(run(CLOCK, tmp_path, milliseconds=50)) >= 0.05


def test_without_a_compiler_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(flush.NoCompiler, match="install gcc, or set CC"):
        flush.build(tmp_path)
