"""What is different where a person sits at a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from cookietrack_plugin.header import id_of
from tests.admin.conftest import JOE, make_cookie

PROGRAM = str(Path(sys.executable).parent / "cookietrack")


def on_terminal(*words, stream):
    """What the command writes to `stream`, which is a terminal of 60 columns."""
    ours, theirs = pty.openpty()
    other = "stderr" if stream == "stdout" else "stdout"
    command = subprocess.Popen(
        [PROGRAM, *words],
        env={**os.environ, "COLUMNS": "60", "TERM": "xterm"},
        **{stream: theirs, other: subprocess.DEVNULL},
    )
    os.close(theirs)
    written = b""
    try:
        while data := os.read(ours, 65536):
            written += data
    except OSError:
        # So a terminal ends: nobody has its other side any more.
        pass
    finally:
        os.close(ours)
    assert command.wait(60) == 0
    return written.decode()


def test_lines_that_are_too_long_are_cut_behind_the_id(here, stores):
    stores.make("lmdb:x", [make_cookie("joe", JOE), make_cookie("stranger")])
    header, *lines = on_terminal("ls", "lmdb:x", stream="stdout").splitlines()
    assert "ID" in header
    assert {line.split()[0] for line in lines} == {id_of("joe"), id_of("stranger")}
    assert [(len(line), line[-1]) for line in lines] == [(60, "…")] * 2


def test_a_migration_shows_how_far_it_is(here, stores):
    stores.make("lmdb:x", [make_cookie(str(n)) for n in range(1_500)])
    shown = on_terminal("migrate", "lmdb:x", "lmdb:y", stream="stderr")
    assert "copying" in shown
    assert "verifying" in shown
    assert shown.count("1500/1500") >= 2


def test_a_migration_in_json_shows_nothing_else(here, stores):
    stores.make("lmdb:x", [make_cookie("joe")])
    assert on_terminal("migrate", "lmdb:x", "lmdb:y", "--json", stream="stderr") == ""


def test_findings_are_coloured(here, stores):
    stores.make("lmdb:x", [])
    assert "\x1b[32mok" in on_terminal("diagnose", "lmdb:x", stream="stdout")
