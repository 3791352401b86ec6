"""What a power cut can leave, and that the library notes what a process does to its files."""

import os
import random
import subprocess
import sys

import pytest

from campaign import oplog
from campaign.diskmodel import DiskModel, write_state
from campaign.plan import FOR_EVER, SHORT, Plan
from campaign.preload import library

BEGIN = """
import os
from pathlib import Path
file = os.open("a", os.O_RDWR | os.O_CREAT)
os.write(file, b"1" * 600)
os.fsync(file)
"""
APPEND = 'os.write(file, b"2" * 1000)\n'
RENAME = 'os.rename("a", "b")\n'
FLUSH_FOLDER = 'os.fsync(os.open(".", os.O_RDONLY))\n'
OLD, NEW = b"1" * 600, b"1" * 600 + b"2" * 1000


def run(folder, script, plan=None):
    """The disk, and the log, after a process has done this."""
    folder.mkdir(exist_ok=True)
    # Paths below the folder are what the library looks at.
    script = script.replace('"a"', f'"{folder}/a"').replace('"b"', f'"{folder}/b"')
    script = script.replace('"."', f'"{folder}"')
    environment = {"CAMPAIGN_DIR": str(folder), "CAMPAIGN_LOG": f"{folder}.log"}
    if plan is not None:
        environment["CAMPAIGN_PLAN"] = str(plan.path)
    subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **environment, "LD_PRELOAD": str(library())},
        check=True,
    )
    disk = DiskModel(folder)
    for entry in oplog.read(folder.parent / f"{folder.name}.log"):
        disk.feed(entry)
    return disk


def states(disk):
    return [dict(disk.state(random.Random(seed))) for seed in range(300)]


def test_what_was_flushed_is_there_in_every_state(tmp_path):
    assert all(state == {"a": OLD} for state in states(run(tmp_path / "disk", BEGIN)))


def test_what_was_not_flushed_may_be_there_in_parts(tmp_path):
    contents = {state["a"] for state in states(run(tmp_path / "disk", BEGIN + APPEND))}
    assert {OLD, NEW, OLD + bytes(1000)} <= contents
    assert all(content.startswith(OLD) for content in contents)
    # A whole sector may be missing before one that is there.
    assert any(content[600:1024] == bytes(424) and b"2" in content for content in contents)


def test_a_write_to_a_synchronous_descriptor_is_flushed(tmp_path):
    synchronous = 'os.pwrite(os.open("a", os.O_WRONLY | os.O_DSYNC), b"3" * 600, 0)\n'
    # It is under way until something else happens.
    disk = run(tmp_path / "disk", BEGIN + synchronous + 'os.mkdir("b")\n')
    assert {state["a"] for state in states(disk)} == {b"3" * 600}


def test_names_are_old_or_new_until_the_folder_is_flushed(tmp_path):
    names = {tuple(state) for state in states(run(tmp_path / "one", BEGIN + RENAME))}
    assert names == {("a",), ("b",)}
    flushed = states(run(tmp_path / "two", BEGIN + RENAME + FLUSH_FOLDER))
    assert {tuple(state) for state in flushed} == {("b",)}


def test_a_state_can_be_written(tmp_path):
    write_state({"folder": None, "folder/file": b"1", "lost/file": b"2"}, tmp_path)
    assert (tmp_path / "folder/file").read_bytes() == b"1"
    assert not (tmp_path / "lost").exists()


@pytest.mark.parametrize(
    ("call", "script"),
    [
        ("write", 'os.write(os.open("b", os.O_CREAT | os.O_WRONLY), b"1")'),
        ("sync", "os.fdatasync(file)"),
        ("open", 'os.open("a", os.O_RDONLY)'),
        ("rename", 'os.rename("a", "b")'),
        ("unlink", 'os.unlink("a")'),
        ("truncate", "os.ftruncate(file, 1)"),
        ("read", "os.pread(file, 1, 0)"),
        ("mmap", "import mmap; mmap.mmap(file, 1)"),
        ("lock", "import fcntl; fcntl.flock(file, fcntl.LOCK_EX)"),
    ],
)
def test_each_call_is_counted_and_fails_when_it_is_its_turn(tmp_path, call, script):
    with Plan(tmp_path / "plan") as plan:
        run(tmp_path / "disk", BEGIN, plan)
        before = plan.made()[call]
        plan.begin(call, 2 * before + 1, FOR_EVER, 5)
        # It is the errno that we asked for.
        expecting = f"try: {script}\nexcept OSError as error: assert error.errno == 5\n"
        run(tmp_path / "disk", f"{BEGIN}{expecting}else: raise SystemExit('it worked')\n", plan)
        assert plan.made()[call] == 2 * before + 1


def test_a_write_may_be_cut_short(tmp_path):
    with Plan(tmp_path / "plan") as plan:
        plan.begin("write", 2, 1, SHORT)
        run(tmp_path / "disk", BEGIN + 'assert os.write(file, b"2" * 1000) == 500', plan)


def test_a_thread_may_not_be_started(tmp_path):
    thread = "from threading import Thread\ntry: Thread(target=print).start()\n"
    ends = "except RuntimeError: os._exit(0)\nos._exit(1)"
    with Plan(tmp_path / "plan") as plan:
        plan.begin("thread", 1, 1, 11)
        run(tmp_path / "disk", BEGIN + thread + ends, plan)
